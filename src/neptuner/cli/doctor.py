"""``neptuner doctor``."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from neptuner.engines.doctor import Finding


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Tell what is installed, what is missing and how to mend it: versions, processors, kernels, programs, disk.

    Each line is ok, a warning, or missing; the exit code is 2 if something is missing that is needed by everything.
    """
    from neptuner.engines.doctor import examine

    findings = examine()
    if as_json:
        from dataclasses import asdict
        from json import dumps

        typer.echo(dumps({"schema": 1, "findings": [asdict(finding) for finding in findings]}, indent=1))
    else:
        _print(findings)
    if any(finding.needed and finding.state == "missing" for finding in findings):
        raise typer.Exit(2)


def _print(findings: list[Finding]) -> None:
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    width = max(len(finding.name) for finding in findings)
    for part, members in groupby(findings, key=lambda finding: finding.part):
        console.print(part, style="bold")
        for finding in members:
            console.print(f"  {finding.state:7s}", style=_colour(finding), end="")
            console.print(f"  {finding.name:{width}s}  {finding.found}", markup=False)
            if finding.fix:
                console.print(f"{'':{width + 13}s}-> {finding.fix}", markup=False)


def _colour(finding: Finding) -> str:
    if finding.state == "ok":
        return "green"
    return "red" if finding.needed else "yellow"
