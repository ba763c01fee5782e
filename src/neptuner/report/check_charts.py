"""Charts of an audited data set: compositions, energies, forces, descriptors and neighbours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neptuner.audit.neighbours import BIN, Neighbours
from neptuner.audit.robust import fractions, without_composition
from neptuner.audit.statistics import forces_on, formula, frame_types
from neptuner.files.frames import Frame, elements_of
from neptuner.report.charts import CYCLE, DASHES, Array, Trace, axis, chart, dots, line, log_axis, panels, rule, thinned
from neptuner.report.descriptor_map import descriptor_map
from neptuner.report.numbers import several
from neptuner.report.template import Chart

if TYPE_CHECKING:
    from neptuner.audit.audit import Audit

SETS = (("training", "--baseline", "circle"), ("test", "--combined", "diamond"))
"""Name, colour and symbol of each file, in the order of the command."""
MOST_POINTS = 3000
"""Frames that a chart has points for, evenly taken from all; those with findings of their own are always there."""
MOST_TYPES = 8
"""Types of frames with a colour of their own; the rest are others."""
SAME_VOLUME = 1e-3
"""Relative difference of volumes per atom that does not count."""
BINS = 40
"""Of a distribution of forces."""


@dataclass(frozen=True)
class Points:
    """The frames that charts have points for."""

    frames: Sequence[Frame]
    sets: NDArray[np.int64]
    """Number of the file of each frame, ``(n_frames,)``."""
    types: Sequence[str]
    """Type of each frame."""
    chosen: NDArray[np.int64]
    """Indices of those that are shown."""
    marked: NDArray[np.int64]
    """Indices of those that errors and warnings name singly; all of them are among the chosen."""


def find_points(audit: Audit) -> Points:
    """Choose the frames to show."""
    frames = [frame for each in audit.sets.values() for frame in each]
    sets = np.repeat(np.arange(len(audit.sets)), [len(each) for each in audit.sets.values()])
    named = {(f.path, f.frame) for f in audit.findings if f.severity != "note" and len(f.frames) < 2}
    marked = np.array([k for k, frame in enumerate(frames) if (frame.path, frame.number) in named], np.int64)
    chosen = np.union1d(thinned(len(frames), MOST_POINTS), marked)
    return Points(frames, sets, _types(frames), chosen, marked)


def check_charts(audit: Audit, points: Points) -> dict[str, Chart]:
    """Make the charts for which there are data, by name.

    Two of them come in two colourings, ``energy-by-set`` and ``energy-by-type``, if there are frames of several types.
    """
    colourings = ["set", "type"] if len(set(points.types)) > 1 else ["set"]
    found = {"compositions": _compositions(points), "forces": _forces(audit)}
    descriptors, shares = descriptor_map([audit.prints[k] for k in points.chosen])
    energies = _energies(points.frames)
    for by in colourings:
        found[f"energy-by-{by}"] = _energy_chart(points, energies, by)
        found[f"descriptors-by-{by}"] = _descriptor_chart(points, descriptors, shares, by)
    if audit.neighbours is not None:
        found["neighbours"] = _neighbours(audit.neighbours, _cutoffs(audit))
    return {name: chart for name, chart in found.items() if chart is not None}


def _types(frames: Sequence[Frame]) -> list[str]:
    """Types of frames, the rarer of many put together."""
    names = frame_types(frames)
    kept = {name for name, _ in Counter(names).most_common(MOST_TYPES)}
    return names if len(set(names)) <= MOST_TYPES + 1 else [name if name in kept else "others" for name in names]


# Compositions


def _compositions(points: Points) -> Chart | None:
    """Map compositions by the elements whose share differs between frames; nothing if none does."""
    shares = fractions(points.frames)
    varied = np.ptp(shares, axis=0) > 1e-6
    elements = [symbol for symbol, differs in zip(elements_of(points.frames), varied, strict=True) if differs]
    if len(elements) < 2:
        return None
    shares = shares[:, varied] / np.maximum(shares[:, varied].sum(axis=1, keepdims=True), 1e-12)
    return _shares_of_two(points, elements, shares) if len(elements) == 2 else _polygon(points, elements, shares)


def _shares_of_two(points: Points, elements: Sequence[str], shares: Array) -> Chart:
    edges = np.linspace(0.0, 1.0, 51)
    traces = []
    for number, name, color, _ in _sets(points):
        counts = np.histogram(shares[points.sets == number, 1], edges)[0]
        traces.append({"type": "bar", "name": name, "x": 0.5 * (edges[1:] + edges[:-1]), "y": counts,
                       "marker": {"color": color}, "hovertemplate": "%{x:.2f}: %{y} frames"})  # fmt: skip
    x = axis(f"share of {elements[1]} in {elements[0]} + {elements[1]}", range=[0, 1])
    return chart(traces, x, axis("frames"), barmode="stack", bargap=0.05, height=300)


def _polygon(points: Points, elements: Sequence[str], shares: Array) -> Chart:
    """Put every composition at the average of the corners of its elements, weighed by their shares."""
    angle = np.pi / 2 + 2 * np.pi * np.arange(len(elements)) / len(elements)
    corners = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    ring = np.vstack([corners, corners[:1]])
    traces: list[Trace] = [line(ring[:, 0], ring[:, 1], "", "--faint", width=1, hoverinfo="skip", showlegend=False)]
    names = np.array([formula(frame) for frame in points.frames])
    for number, name, color, symbol in _sets(points):
        mine = np.flatnonzero(points.sets == number)
        kinds, first, counts = np.unique(names[mine], return_index=True, return_counts=True)
        x, y = (shares[mine[first]] @ corners).T
        size = 5 + 9 * np.sqrt(counts / counts.max())
        words = [f"{kind}<br>{several(count, f'{name} frame')}" for kind, count in zip(kinds, counts, strict=True)]
        traces.append(dots(x, y, name, color, symbol=f"{symbol}-open" if number else symbol, size=size, opacity=0.75,
                           edge={"width": 1.6 if number else 0.6, "color": color if number else "--paper"},
                           text=words, hovertemplate="%{text}<extra></extra>"))  # fmt: skip
    notes = [{"text": f"<b>{symbol}</b>", "x": 1.12 * x, "y": 1.12 * y, "showarrow": False}
             for symbol, (x, y) in zip(elements, corners, strict=True)]  # fmt: skip
    bare = {"visible": False, "range": [-1.25, 1.25]}
    return chart(traces, bare, {**bare, "scaleanchor": "x"}, annotations=notes, height=440)


# Energies and descriptors


def _energies(frames: Sequence[Frame]) -> Array:
    """Energies per atom without the part that is linear in the composition, nan without an energy, ``(n_frames,)``."""
    known = np.array([frame.energy is not None for frame in frames])
    found = np.full(len(frames), np.nan)
    if known.any():
        mine = [frame for frame in frames if frame.energy is not None]
        given = np.array([(frame.energy or 0.0) / frame.n_atoms for frame in mine])
        found[known] = without_composition(given, fractions(mine))
    return found


def _energy_chart(points: Points, energies: Array, by: str) -> Chart | None:
    """Energies against volumes; against forces where all volumes are the same."""
    if not np.isfinite(energies).any():
        return None
    x, title = np.array([frame.volume / frame.n_atoms for frame in points.frames]), "volume (Å³/atom)"
    if same_volumes(points.frames):
        x, title = np.array([_mean_force(frame) for frame in points.frames]), "RMS force of the frame (eV/Å)"
    traces = _scatter(points, x, energies, by)
    y = axis("energy beyond composition (eV/atom)")
    return chart(traces, axis(title), y, height=440, legend={"uirevision": by})


def same_volumes(frames: Sequence[Frame]) -> bool:
    """Whether all frames with an energy have the same volume per atom, so that energies are shown against forces."""
    volumes = np.array([frame.volume / frame.n_atoms for frame in frames if frame.energy is not None])
    return bool(np.ptp(volumes) < SAME_VOLUME * volumes.max()) if len(volumes) else False


def _mean_force(frame: Frame) -> float:
    return float("nan") if frame.forces is None else float(np.sqrt((frame.forces**2).sum(axis=1).mean()))


def _descriptor_chart(points: Points, places: Array, shares: Array, by: str) -> Chart | None:
    if len(places) < 3:
        return None
    x, y = (np.full(len(points.frames), np.nan) for _ in range(2))
    x[points.chosen], y[points.chosen] = places.T
    titles = [f"component {k + 1} ({100 * share:.0f} % of the variance)" for k, share in enumerate(shares)]
    traces = _scatter(points, x, y, by)
    return chart(traces, axis(titles[0]), axis(titles[1]), height=440, legend={"uirevision": by})


def _scatter(points: Points, x: Array, y: Array, by: str) -> list[Trace]:
    """Points of frames in the colours of sets or types, and rings around those with findings."""
    kinds = _sets(points) if by == "set" else _kinds(points)
    labels: NDArray[np.generic] = points.sets if by == "set" else np.array(points.types)
    traces = []
    for label, name, color, symbol in kinds:
        mine = points.chosen[labels[points.chosen] == label]
        traces.append(_frames(points, mine, x, y, name, color, symbol=symbol, size=6, opacity=0.75))
    if len(points.marked):
        ring = {"width": 2, "color": "--bad"}
        traces.append(_frames(points, points.marked, x, y, "with an error or a warning", "--bad",
                              symbol="circle-open", size=13, edge=ring))  # fmt: skip
    return traces


def _frames(
    points: Points, mine: NDArray[np.int64], x: Array, y: Array, name: str, color: str, **look: object
) -> Trace:
    words = [_words(points, k) for k in mine.tolist()]
    return dots(x[mine], y[mine], name, color, text=words, hovertemplate="%{text}<extra></extra>", **look)


def _words(points: Points, k: int) -> str:
    frame = points.frames[k]
    return f"{SETS[points.sets[k]][0]} frame {frame.number}: {formula(frame)}, {frame.n_atoms} atoms"


def _sets(points: Points) -> list[tuple[int, str, str, str]]:
    """Number, name, colour and symbol of each file that has frames."""
    return [(k, *SETS[k]) for k in np.unique(points.sets).tolist()]


def _kinds(points: Points) -> list[tuple[str, str, str, str]]:
    """The same of each type of frames, the most frequent first; others last."""
    ordered = sorted(Counter(points.types).items(), key=lambda item: (item[0] == "others", -item[1], item[0]))
    return [(name, name, CYCLE[k % len(CYCLE)], "circle") for k, (name, _) in enumerate(ordered)]


# Forces and neighbours


def _forces(audit: Audit) -> Chart | None:
    """Distributions of the sizes of forces, a colour an element, a dash a file."""
    everything = [frame for frames in audit.sets.values() for frame in frames]
    elements = elements_of(everything)
    sizes = {symbol: forces_on(everything, symbol) for symbol in elements}
    felt = np.concatenate([*sizes.values(), np.zeros(0)])
    felt = felt[felt > 0]
    if not len(felt):
        return None
    edges = np.geomspace(max(float(np.percentile(felt, 0.2)), 1e-4), 1.001 * float(felt.max()) + 2e-4, BINS + 1)
    traces, known = [], set[str]()
    for number, frames in enumerate(audit.sets.values()):
        for k, symbol in enumerate(elements):
            counts = np.histogram(np.clip(forces_on(frames, symbol), edges[0], None), edges)[0]
            if counts.any():
                traces.append(_distribution(edges, counts, symbol, k, number, new=symbol not in known))
                known.add(symbol)
    x = log_axis("size of the force (eV/Å)", edges)
    return chart(traces, x, axis("atoms of the element (%)", rangemode="tozero"))


def _distribution(edges: Array, counts: NDArray[np.int64], symbol: str, k: int, number: int, *, new: bool) -> Trace:
    middle, share = np.sqrt(edges[1:] * edges[:-1]), 100.0 * counts / counts.sum()
    value = f"{symbol}, {SETS[number][0]}: %{{x:.3g}} eV/Å, %{{y:.2f}} %<extra></extra>"
    return line(middle, share, symbol, CYCLE[k % len(CYCLE)], dash=DASHES[2 * number], width=2 - 0.4 * number,
                hovertemplate=value, legendgroup=symbol, showlegend=new)  # fmt: skip


def _cutoffs(audit: Audit) -> tuple[float, ...]:
    """Radial and angular cutoff of the suggestion."""
    return audit.suggestion.nep_in.cutoff[:2] if audit.suggestion is not None else ()


def _neighbours(around: Neighbours, cutoffs: Sequence[float]) -> Chart:
    """Radial distribution, and the number of neighbours that a cutoff has, with the suggested cutoffs."""
    on = {"xaxis": "x2", "yaxis": "y2", "showlegend": False}
    some = slice(int(1.0 / BIN), None, 2)
    r, value = around.r[some], "%{x:.2f} Å: %{y:.3g}<extra></extra>"
    traces = [
        line(r, around.density[some], "radial distribution", "--c0", hovertemplate=value, showlegend=False),
        line(r, around.counts[some], "neighbours", "--c0", hovertemplate=value, **on),
    ]
    shapes, notes = [], []
    for cutoff, name in zip(cutoffs, ("radial", "angular"), strict=False):
        shapes += [{**rule(cutoff, "x", dash="dash"), "xref": f"x{k}", "yref": f"y{k} domain"} for k in (1, 2)]
        words = f"{name} {cutoff:g} Å"
        for k, text in ((1, words), (2, f"{words}: {around.within(cutoff):.0f}")):
            notes.append({"text": text, "x": cutoff, "xref": f"x{k}", "y": 0.98, "yref": f"y{k} domain",
                          "yanchor": "top", "xanchor": "right", "textangle": -90, "showarrow": False})  # fmt: skip
    far = {"range": [1.0, float(around.r[-1])]}
    axes = [(axis("distance (Å)", **far), axis("radial distribution", rangemode="tozero")),
            (axis("cutoff (Å)", **far), axis("neighbours of an atom", rangemode="tozero"))]  # fmt: skip
    return panels(traces, axes, height=340, shapes=shapes, annotations=notes)
