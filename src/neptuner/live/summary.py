"""The part of the live page that is the report's: verdict, what was chosen, and the models so far."""

from __future__ import annotations

from pathlib import Path

from neptuner.report import tables
from neptuner.report.cost_sentences import cost_sentences
from neptuner.report.reading import load_results
from neptuner.report.template import html_document
from neptuner.report.verdict import judge


def summary(folder: Path) -> str:
    """Write it as HTML, in the words of the report.

    Raises
    ------
    InputError
        If ``results.json`` does not follow its schema.
    """
    results = load_results(folder)
    return html_document(
        "live_summary.html.j2",
        verdict=judge(results),
        chosen=tables.chosen_table(results),
        models=tables.phase_table(results),
        cost=cost_sentences(results),
        dynamics=results.md.verdict if results.md else "",
    )
