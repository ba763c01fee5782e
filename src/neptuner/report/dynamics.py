"""The figures of molecular dynamics: running averages, conductivities, spectra, and the fit of the force error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from neptuner.report.dynamics_data import Correction, Dynamics, MdModel
from neptuner.report.style import BASELINE, COMBINED, CYCLE, FAINT, new_figure, styled

KAPPA = "thermal conductivity (W/mK)"
COLORS = {"baseline": BASELINE, "final": COMBINED}
NANOSECONDS_FROM = 2000.0
"""Picoseconds from which a time axis is in nanoseconds."""


def running(dynamics: Dynamics) -> Figure | str:
    """Draw the running averages, or say why there are none."""
    models = [model for model in dynamics.measured if model.running is not None and len(model.running.time)]
    return running_averages(models) if models else "No run has given a conductivity."


def bars(dynamics: Dynamics) -> Figure | str:
    """Draw the conductivities, or say why there are none."""
    return conductivity_bars(dynamics) if dynamics.measured else "No run has given a conductivity."


def spectra(dynamics: Dynamics) -> Figure | str:
    """Draw the spectral conductivities, or say why there are none."""
    models = [model for model in dynamics.measured if model.spectrum is not None]
    if not models:
        return "No run was long enough for a spectral conductivity." if dynamics.measured else "There are no runs."
    return spectral_conductivities(models)


@styled
def running_averages(models: Sequence[MdModel]) -> Figure:
    """Draw conductivity against averaging time, a line and a band of one standard error a model."""
    figure = new_figure(9.6, 3.9)
    axes = figure.subplots()
    longest = max(float(model.running.time[-1]) for model in models if model.running is not None)
    scale, unit = (1e-3, "ns") if longest >= NANOSECONDS_FROM else (1.0, "ps")
    for model in models:
        if model.running is None:
            continue
        time, color = scale * model.running.time, COLORS[model.key]
        axes.fill_between(time, model.running.low, model.running.high, color=color, alpha=0.18, linewidth=0)
        axes.plot(time, model.running.mean, color=color, linewidth=1.8, label=model.name)
    shown = end_range(models)
    if shown is not None:
        axes.set_ylim(*shown)
    axes.set_xlim(0, scale * longest)
    axes.set_xlabel(f"averaging time of a run ({unit})")
    axes.set_ylabel(KAPPA)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper right", ncols=2)
    return figure


@styled
def conductivity_bars(dynamics: Dynamics) -> Figure:
    """Draw a bar a model with its 95 % interval, a thick line of one standard error, and its single runs."""
    models = dynamics.measured
    figure = new_figure(2.6 + 1.5 * len(models), 3.8)
    axes = figure.subplots()
    for place, model in enumerate(models):
        assert model.kappa is not None
        axes.bar(place, model.kappa, 0.56, color=COLORS[model.key], alpha=0.45)
        _whiskers(axes, place, model)
        runs = [run.kappa for run in dynamics.runs_of(model) if run.kappa is not None]
        spots = place + np.linspace(0.12, 0.24, len(runs))  # beside the error bars
        axes.scatter(
            spots, runs, s=22, color="white", edgecolors=BASELINE, linewidths=0.9, zorder=4, label="single runs"
        )
    axes.axhline(0, color=BASELINE, linewidth=0.9)
    axes.set_xticks(range(len(models)), [model.name for model in models])
    axes.set_xlim(-0.7, len(models) - 0.3)
    axes.grid(axis="x", visible=False)
    axes.set_ylabel(KAPPA)
    axes.set_xlabel("model")
    return figure


@styled
def spectral_conductivities(models: Sequence[MdModel]) -> Figure:
    """Draw spectral conductivity against frequency; bands are one standard error over runs."""
    figure = new_figure(9.6, 3.9)
    axes = figure.subplots()
    for model in models:
        if model.spectrum is None:
            continue
        frequency, kappa, color = model.spectrum.omega / (2 * np.pi), model.spectrum.kappa, COLORS[model.key]
        if model.spectrum.error is not None:
            low, high = kappa - model.spectrum.error, kappa + model.spectrum.error
            axes.fill_between(frequency, low, high, color=color, alpha=0.18, linewidth=0)
        axes.plot(frequency, kappa, color=color, label=model.name)
    axes.axhline(0, color=FAINT, linewidth=0.8)
    axes.set_xlim(0, highest_frequency(models))
    axes.set_xlabel("frequency ω/2π (THz)")
    axes.set_ylabel("κ(ω) (W/m/K/THz)")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper right", ncols=2)
    return figure


@styled
def force_error_fit(correction: Correction) -> Figure:
    """Draw conductivity against force error of several models, and the fit that goes to zero error."""
    figure = new_figure(7.4, 4.0)
    axes = figure.subplots()
    sigma, kappa, error = correction.curve
    axes.fill_between(sigma, kappa - error, kappa + error, color=CYCLE[0], alpha=0.16, linewidth=0)
    axes.plot(sigma, kappa, color=CYCLE[0], label="fit")
    for number, point in enumerate(correction.points):
        axes.errorbar(
            point.force_rmse, point.kappa, point.error, color=COLORS.get(point.key, FAINT), marker="o", markersize=5,
            capsize=2.5, linewidth=1.0,
        )  # fmt: skip
        axes.annotate(
            point.name,
            (point.force_rmse, point.kappa),
            (6, -13 if number % 2 else 6),
            textcoords="offset points",
            size=8.5,
        )
    axes.errorbar(
        0.0, correction.kappa, correction.standard_error or 0.0, color=CYCLE[0], marker="D", capsize=2.5,
        linestyle="none", label="no force error",
    )  # fmt: skip
    axes.margins(x=0.12)
    axes.set_xlabel(f"{correction.split} force RMSE (eV/Å)")
    axes.set_ylabel(KAPPA)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper right", ncols=2)
    return figure


def _whiskers(axes: Axes, place: int, model: MdModel) -> None:
    assert model.kappa is not None
    if model.interval is not None:
        below, above = model.kappa - model.interval[0], model.interval[1] - model.kappa
        axes.errorbar(place, model.kappa, [[below], [above]], color=BASELINE, capsize=5, linewidth=1.0, zorder=3)
    if model.standard_error is not None:
        axes.errorbar(place, model.kappa, model.standard_error, color=BASELINE, linewidth=3.0, zorder=3)


def end_range(models: Sequence[MdModel]) -> tuple[float, float] | None:
    """Limits that cut off the wild beginning, where an average is over next to nothing; None for all there is."""
    parts = [model.running for model in models if model.running is not None]
    tails = [edge[len(edge) // 5 :] for part in parts for edge in (part.low, part.high)]
    known = np.concatenate(tails)
    known = known[np.isfinite(known)]
    if not known.size or np.ptp(known) == 0:
        return None
    spare = 0.15 * float(np.ptp(known))
    return float(known.min()) - spare, float(known.max()) + spare


def highest_frequency(models: Sequence[MdModel]) -> float:
    """Frequency in THz beyond which next to no heat is carried."""
    ends = []
    for model in models:
        if model.spectrum is not None:
            carried = np.cumsum(np.abs(np.nan_to_num(model.spectrum.kappa)))
            last = int(np.searchsorted(carried, 0.98 * carried[-1])) if carried[-1] > 0 else len(carried) - 1
            ends.append(1.15 * float(model.spectrum.omega[last]) / (2 * np.pi))
    return max(ends)
