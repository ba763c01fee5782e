"""The table of sub-commands."""

from __future__ import annotations

from typing import Annotated

import typer

from neptuner.cli.check import check
from neptuner.cli.convert import convert
from neptuner.cli.doctor import doctor
from neptuner.cli.help_texts import FIRST_STEPS, help_of
from neptuner.cli.init import init
from neptuner.cli.kappa import kappa
from neptuner.cli.md import md
from neptuner.cli.predict import predict
from neptuner.cli.prune import prune
from neptuner.cli.speed import speed
from neptuner.cli.study import report, status, study
from neptuner.cli.suggestions import Commands
from neptuner.cli.train import train
from neptuner.cli.view import view

app = typer.Typer(
    name="neptuner",
    cls=Commands,
    help="Train, sweep and judge neuroevolution potentials (NEP): from first-principles frames to a verdict.",
    epilog=FIRST_STEPS,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        from neptuner import __version__

        print(f"neptuner {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """Train, sweep and judge neuroevolution potentials (NEP)."""


for command in (init, check, train, predict, prune, convert, speed, md, kappa, study, status, view, report, doctor):
    app.command(**help_of(command.__name__))(command)
