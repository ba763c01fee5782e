"""Write the report of a study: two pages and the figures."""

from __future__ import annotations

from pathlib import Path

from neptuner.files.atomic import write_bytes, write_text
from neptuner.report.gallery import draw_all
from neptuner.report.page import html_page, markdown_page
from neptuner.report.reading import load_results


def write_report(study_dir: Path) -> Path:
    """Write ``report.html``, ``report.md`` and ``figures/`` into a study directory.

    The study may be unfinished: what is missing is said to be missing.

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
    drawings = draw_all(results)
    (folder / "figures").mkdir(exist_ok=True)
    for drawing in drawings.values():
        _write_figure(folder / "figures", drawing.name, {"png": drawing.png, "svg": drawing.svg})
    write_text(folder / "report.md", markdown_page(results, drawings))
    write_text(folder / "report.html", html_page(results, drawings))
    return folder / "report.html"


def _write_figure(folder: Path, name: str, files: dict[str, bytes]) -> None:
    """Write the files of one figure, or remove what an earlier report left of it."""
    for kind, content in files.items():
        path = folder / f"{name}.{kind}"
        if content:
            write_bytes(path, content)
        else:
            path.unlink(missing_ok=True)
