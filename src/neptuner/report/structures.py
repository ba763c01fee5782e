"""Frames as the page embeds them, so that a click on a point shows the structure it belongs to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from neptuner.files.frames import Frame
from neptuner.report.charts import thinned
from neptuner.report.evaluation import Evaluation, frame_errors, label_of, worst_first
from neptuner.report.parity_charts import clicked_frames
from neptuner.report.style import shown

MOST_ATOMS = 15_000
"""Atoms that are embedded: those of the worst frames, then of a sample of the others."""
WORST = 50


def embedded_frames(evaluation: Evaluation) -> dict[str, Any] | None:
    """Return what ``assets/report.js`` knows of the frames behind the points; None without frames."""
    if not evaluation.frames:
        return None
    drawn = _with_structure(evaluation)
    errors = {m.title: [frame_errors(evaluation, m, q) for q in ("force", "energy")] for m in evaluation.models}
    about: dict[str, Any] = {}
    for index in sorted(clicked_frames(evaluation) | drawn):
        frame = evaluation.frames[index]
        about[str(index + 1)] = {
            **_words(frame),
            "errors": {
                name: [force[index], shown("energy", energy[index])] for name, (force, energy) in errors.items()
            },
            **(_structure(frame) if index in drawn else {}),
        }
    return {"path": evaluation.path, "elements": _looks(np.unique(evaluation.species)), "frames": about}


def _with_structure(evaluation: Evaluation) -> set[int]:
    order = worst_first(evaluation)
    rest = order[WORST:]
    candidates = [*order[:WORST], *(np.sort(rest)[thinned(len(rest), 1000)] if len(rest) else rest)]
    sizes = np.cumsum([evaluation.frames[index].n_atoms for index in candidates])
    return {int(index) for index, size in zip(candidates, sizes, strict=True) if size <= MOST_ATOMS}


def _words(frame: Frame) -> dict[str, Any]:
    symbols, counts = np.unique(frame.species, return_counts=True)
    formula = "".join(f"{s}{n if n > 1 else ''}" for s, n in zip(symbols, counts, strict=True))
    return {"line": frame.line, "formula": formula, "atoms": frame.n_atoms, "comment": label_of(frame)}


def _structure(frame: Frame) -> dict[str, Any]:
    return {
        "species": frame.species.tolist(),
        "positions": np.round(frame.positions, 2).ravel(),
        "cell": np.round(frame.cell, 3).ravel(),
    }


def _looks(symbols: Iterable[str]) -> dict[str, Any]:
    """Colour and radius in angstrom of each element, as ASE has them."""
    from ase.data import atomic_numbers, covalent_radii
    from ase.data.colors import jmol_colors

    found = {}
    for symbol in symbols:
        number = atomic_numbers.get(str(symbol), 0)
        rgb = (255 * jmol_colors[number]).round().astype(int)
        found[str(symbol)] = {"color": "#{:02x}{:02x}{:02x}".format(*rgb), "radius": float(covalent_radii[number])}
    return found
