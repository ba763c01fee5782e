"""Write the report of a study: two pages and the figures."""

from __future__ import annotations

from pathlib import Path

from neptuner.files.atomic import write_bytes, write_text
from neptuner.report.evaluation import evaluate
from neptuner.report.gallery import Drawing, draw_all
from neptuner.report.page import html_page, markdown_page
from neptuner.report.reading import load_results
from neptuner.report.style import render


def write_report(study_dir: Path, *, pdf: bool = False) -> Path:
    """Write ``report.html``, ``report.md`` and ``figures/`` into a study directory.

    The study may be unfinished: what is missing is said to be missing.

    Parameters
    ----------
    study_dir
        The study.
    pdf
        Whether to write the figures as PDF, too, which takes as long as everything else. Those of an earlier report
        are removed otherwise.

    Returns
    -------
    Path
        The HTML page.

    Raises
    ------
    InputError
        ``results.json`` is absent or has another schema.
    """
    folder = Path(study_dir)
    results = load_results(folder)
    evaluation = evaluate(results)
    drawings = draw_all(results, evaluation)
    (folder / "figures").mkdir(exist_ok=True)
    for drawing in drawings.values():
        _write_figure(folder / "figures", drawing, pdf=pdf)
    write_text(folder / "report.md", markdown_page(results, drawings, evaluation))
    write_text(folder / "report.html", html_page(results, drawings, evaluation))
    (folder / "report.pdf").unlink(missing_ok=True)
    return folder / "report.html"


def _write_figure(folder: Path, drawing: Drawing, *, pdf: bool) -> None:
    """Write the files of one figure, or remove what an earlier report left of it."""
    paper = render(drawing.figure, "pdf") if pdf and drawing.figure is not None else b""
    for kind, content in {"png": drawing.png, "svg": drawing.svg, "pdf": paper}.items():
        path = folder / f"{drawing.name}.{kind}"
        if content:
            write_bytes(path, content)
        else:
            path.unlink(missing_ok=True)
