"""The figure of what each descriptor is worth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from neptuner.report.numbers import MINUS
from neptuner.report.style import new_figure, plain_ticks, styled
from neptuner.report.trials import Array
from neptuner.report.weights_data import ModelWeights

NAME, TITLE = "descriptor-worth", "What each descriptor is worth"
CAPTION = (
    "Growth of the force error, in per cent, if one descriptor is replaced by its mean over the validation frames and "
    "nothing takes its place: radial functions, then three-body invariants by l and those of more bodies, each by n."
)

LEAST, MOST = 1.0, 300.0
"""Ends of the colours, in per cent."""


@styled
def descriptor_worth(models: Sequence[ModelWeights]) -> Figure:
    """Draw a map of all descriptors of each model, on one colour scale."""
    maps = [_map(model) for model in models]
    rows, columns = max(len(kinds) for kinds, _ in maps), [values.shape[1] for _, values in maps]
    figure = new_figure(1.6 + 0.46 * sum(columns) + 0.6 * len(maps), 1.3 + 0.3 * rows)
    panels = figure.subplots(1, len(maps), squeeze=False, gridspec_kw={"width_ratios": columns})[0]
    for axes, model, (kinds, values) in zip(panels, models, maps, strict=True):
        image = _panel(axes, kinds, values)
        axes.set_title(model.title, loc="left")
    bar = figure.colorbar(image, ax=list(panels), label="growth of the force error (%)", pad=0.02, extend="both")
    plain_ticks(bar.ax, "y")
    return figure


def _map(model: ModelWeights) -> tuple[list[str], Array]:
    """Kinds of descriptors and their growths in per cent, ``(kinds, n)``; nan where there is no descriptor."""
    components = model.analysis["components"]
    kinds = list(dict.fromkeys(c["kind"] for c in components))
    values = np.full((len(kinds), 1 + max(c["n"] for c in components)), np.nan)
    for c in components:
        values[kinds.index(c["kind"]), c["n"]] = c["growth"]
    return kinds, values


def _panel(axes: Axes, kinds: list[str], values: Array) -> AxesImage:
    image = axes.imshow(np.clip(values, LEAST, MOST), norm=LogNorm(LEAST, MOST), cmap="Blues", aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            color = "white" if value > 30 else "black"
            axes.text(column, row, _short(float(value)), ha="center", va="center", size=7.5, color=color)
    axes.set_yticks(range(len(kinds)), kinds)
    axes.set_xticks(range(values.shape[1]))
    axes.set_xlabel("n")
    axes.grid(visible=False)
    axes.tick_params(length=0)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    return image


def _short(value: float) -> str:
    text = f"{value:.0f}" if abs(value) >= 10 else f"{value:.1f}"
    return "0.0" if text == "-0.0" else text.replace("-", MINUS)
