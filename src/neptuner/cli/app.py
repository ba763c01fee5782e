"""The table of sub-commands."""

from __future__ import annotations

from typing import Annotated

import typer

from neptuner.cli.convert import convert
from neptuner.cli.kappa import kappa
from neptuner.cli.md import md
from neptuner.cli.predict import predict
from neptuner.cli.speed import speed
from neptuner.cli.study import report, status, study
from neptuner.cli.train import train

app = typer.Typer(
    name="neptuner",
    help="Train, sweep and judge neuroevolution potentials (NEP): from first-principles frames to a verdict.",
    no_args_is_help=True,
    add_completion=False,
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


for command in (train, predict, convert, speed, md, kappa, study, status, report):
    app.command()(command)
