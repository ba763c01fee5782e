"""``neptuner check``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from neptuner.audit.audit import Audit


def check(
    train: Annotated[Path, typer.Argument(metavar="TRAIN.xyz", help="Labelled frames to train on.")],
    test: Annotated[Path | None, typer.Argument(metavar="[TEST.xyz]", help="Frames to judge by.")] = None,
    nep_in: Annotated[
        Path | None, typer.Option("--nep", metavar="NEP.in", help="Settings that the frames shall go with.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
    html: Annotated[Path | None, typer.Option(metavar="PAGE.html", help="Write a page with figures there.")] = None,
    suggest: Annotated[
        Path | None, typer.Option(metavar="NEP.in", help="Write settings to begin with there; must not exist.")
    ] = None,
) -> None:
    """Audit a data set: what would spoil a training, in which frame and line, and how to mend it.

    Both files are read to the end whatever is wrong with them. The exit code is 2 if there are errors; warnings and
    notes leave it at 0.
    """
    _refuse_twice(train, test)
    _look_ahead(html, suggest)
    from neptuner.audit.audit import audit

    found = audit(train, test, nep_in)
    _print(found, as_json=as_json, offer=suggest is None)
    if html is not None:
        from neptuner.report.check_page import write_check_page

        write_check_page(found, html)
        _say(f"{html}: the page of this audit", as_json=as_json)
    if suggest is not None:
        _say(_write_suggestion(found, suggest), as_json=as_json)
    if found.has_errors:
        raise typer.Exit(2)


def _refuse_twice(train: Path, test: Path | None) -> None:
    """Refuse a test set that is the training set: there would be nothing to compare."""
    from neptuner.errors import InputError

    if test is not None and train.exists() and test.exists() and train.samefile(test):
        raise InputError("is the training set, too; give frames that are not trained on, or none", path=test)


def _look_ahead(html: Path | None, suggest: Path | None) -> None:
    """Refuse what could not be written in the end."""
    from neptuner.errors import InputError

    if html is not None and html.suffix.lower() not in (".html", ".htm"):
        raise InputError("is no name for a page; expected one that ends with .html", path=html)
    for path in (html, suggest):
        if path is not None and (path.is_dir() or not path.parent.is_dir()):
            raise InputError("cannot be written; expected the name of a file in a folder that exists", path=path)
    if html is not None and suggest is not None and html.absolute() == suggest.absolute():
        raise InputError("is named for both --html and --suggest; give one of them another name", path=html)
    if suggest is not None and suggest.exists():
        raise InputError("is there already, and is not overwritten; give --suggest another name", path=suggest)


def _print(found: Audit, *, as_json: bool, offer: bool) -> None:
    if as_json:
        from json import dumps

        from neptuner import __version__

        typer.echo(dumps({"schema": 1, "neptuner": __version__, **found.as_json()}))
        return
    from neptuner.cli.check_text import print_audit

    print_audit(found, offer=offer)


def _write_suggestion(found: Audit, path: Path) -> str:
    """Write the nep.in, and say so."""
    from neptuner.errors import InputError
    from neptuner.files.atomic import write_text

    if found.suggestion is None:
        raise InputError("not written: without a readable frame nothing can be suggested", path=path)
    if path.exists():  # since the audit began
        raise InputError("not written: it is there by now, and is not overwritten", path=path)
    write_text(path, found.suggestion.text)
    return f"{path}: settings to begin with, with their reasons"


def _say(sentence: str, *, as_json: bool) -> None:
    """Print a sentence where it does not get among the JSON."""
    typer.echo(sentence, err=as_json)
