"""Parts of pages that are made from the program itself: commands with their options, keywords of nep.in."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import dedent
from typing import Any


def command_reference() -> str:
    """Describe every command of ``neptuner``: usage, help, arguments, options, examples."""
    from typer.main import get_command

    from neptuner.cli.app import app

    commands = get_command(app).commands  # type: ignore[attr-defined]
    return "\n".join(line for name, command in commands.items() for line in _section(name, command))


def _section(name: str, command: Any) -> Iterator[str]:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option"]
    yield f"## `neptuner {name}`\n"
    yield f"{command.help}\n"
    usage = " ".join(["neptuner", name, "[OPTIONS]", *(_usage(one) for one in arguments)])
    yield f"```text\n{usage}\n```\n"
    if arguments:
        yield from _table("argument", [(_metavar(one), one) for one in arguments])
    if options:
        yield from _table("option", [(_flags(one), one) for one in options])
    if command.epilog:
        yield f"```text\n{_examples(command.epilog)}\n```\n"


def _examples(epilog: str) -> str:
    lines = epilog.replace("\b", "").strip().splitlines()  # \b keeps the lines of help apart
    return dedent("\n".join(line for line in lines if line.strip() != "Examples:"))


def _table(kind: str, rows: list[tuple[str, Any]]) -> Iterator[str]:
    yield f"| {kind} | meaning |\n|---|---|"
    for name, one in rows:
        yield f"| `{name}` | {_meaning(one)} |"
    yield ""


def _usage(argument: Any) -> str:
    name = _metavar(argument)
    return name if argument.required else f"[{name}]"


def _metavar(argument: Any) -> str:
    return (argument.metavar or argument.name.upper()).strip("[]")


def _flags(option: Any) -> str:
    word = option.metavar or option.name.split("_")[-1].upper()
    words = " ".join([word] * max(1, option.nargs))
    return ", ".join(option.opts) + ("" if option.is_flag else f" {words}")


def _meaning(one: Any) -> str:
    said = (one.help or "").replace("|", r"\|").replace("<", r"\<").rstrip(".")
    known = isinstance(one.default, int | float | str) and not isinstance(one.default, bool)
    return f"{said}. Default: `{one.default}`." if known else f"{said}."


def keyword_table() -> str:
    """Describe every keyword of nep.in: what it is followed by, its default, what is done with it."""
    from neptuner.files.nep_in_keywords import KEYWORDS

    rows = ["| keyword | default | meaning | |", "|---|---|---|---|"]
    for one in KEYWORDS.values():
        default = "" if one.default is None else f"`{' '.join(f'{value:g}' for value in one.default)}`"
        status = {"used": "", "ignored": "ignored with a note", "unsupported": "refused"}[one.status]
        rows.append(f"| `{one.name}` | {default} | {one.doc} | {status} |")
    return "\n".join(rows)


PARTS = {"<!-- commands -->": command_reference, "<!-- nep.in keywords -->": keyword_table}
"""What is put in the place of a line of a page."""


def filled(text: str) -> str:
    """Put the parts into a page."""
    for marker, make in PARTS.items():
        if marker in text:
            text = text.replace(marker, make())
    return text


def setup(app: Any) -> dict[str, bool]:
    """Put the parts into the pages that Sphinx reads."""

    def fill(_app: Any, _name: str, source: list[str]) -> None:
        source[0] = filled(source[0])

    app.connect("source-read", fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
