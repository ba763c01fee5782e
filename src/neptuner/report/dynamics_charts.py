"""Interactive twins of the figures of molecular dynamics."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from neptuner.report.charts import FACES, Trace, axis, band, chart, dots, line, rule, thinned
from neptuner.report.dynamics import KAPPA, NANOSECONDS_FROM, end_range, highest_frequency
from neptuner.report.dynamics_data import Correction, Dynamics, MdModel
from neptuner.report.template import Chart

MOST_POINTS = 400


def running_chart(md: Dynamics) -> Chart:
    """Show the running averages of the conductivity, each with a band of one standard error."""
    models = [model for model in md.measured if model.running is not None and len(model.running.time)]
    longest = max(float(model.running.time[-1]) for model in models if model.running is not None)
    scale, unit = (1e-3, "ns") if longest >= NANOSECONDS_FROM else (1.0, "ps")
    traces = [trace for model in models for trace in _running(model, scale, unit)]
    shown = end_range(models)
    return chart(
        traces,
        axis(f"averaging time of a run ({unit})", range=[0, scale * longest]),
        axis(KAPPA, **({"range": shown} if shown else {})),
    )


def conductivity_chart(md: Dynamics) -> Chart:
    """Show the conductivity of each model with its standard error, its 95 % interval and its single runs."""
    traces: list[Trace] = []
    for place, model in enumerate(md.measured):
        traces += [_bar(place, model), *_standard_error(place, model)]
        runs = [run.kappa for run in md.runs_of(model) if run.kappa is not None]
        spots = place + np.linspace(0.12, 0.24, len(runs))  # beside the error bars
        traces.append(dots(spots, runs, "single run", "--paper", edge={"width": 1.2, "color": "--ink"},
                           hovertemplate="one run: %{y:.3g} W/mK<extra></extra>"))  # fmt: skip
    names = [model.name for model in md.measured]
    x = axis("model", tickvals=list(range(len(names))), ticktext=names, showgrid=False, zeroline=False)
    return chart(traces, x, axis(KAPPA), shapes=[rule(0, "y")], showlegend=False)


def spectrum_chart(md: Dynamics) -> Chart:
    """Show how much heat each frequency carries."""
    models = [model for model in md.measured if model.spectrum is not None]
    traces = [trace for model in models for trace in _spectrum(model)]
    frequency = axis("frequency ω/2π (THz)", range=[0, highest_frequency(models)])
    return chart(traces, frequency, axis("κ(ω) (W/m/K/THz)"), shapes=[rule(0, "y")])


def force_error_chart(correction: Correction) -> Chart:
    """Show conductivity against force error, and the fit that goes to zero error."""
    sigma, kappa, error = correction.curve
    points = correction.points
    last = {"type": "data", "array": [correction.standard_error or 0.0], "color": "--c0"}
    bars = {"type": "data", "array": [p.error for p in points], "color": "--soft", "thickness": 1.2}
    return chart(
        [
            band(sigma, kappa - error, kappa + error, "--c0", "fit"),
            line(sigma, kappa, "fit", "--c0", legendgroup="fit"),
            dots([p.force_rmse for p in points], [p.kappa for p in points], "models", "--baseline", error_y=bars,
                 customdata=[p.name for p in points],
                 hovertemplate="%{customdata}<br>%{x:.4f} eV/Å, %{y:.3g} W/mK<extra></extra>"),
            dots([0.0], [correction.kappa], "no force error", "--c0", symbol="diamond", size=10, error_y=last),
        ],
        axis(f"{correction.split} force RMSE (eV/Å)", rangemode="tozero"),
        axis(KAPPA),
    )  # fmt: skip


def _running(model: MdModel, scale: float, unit: str) -> Iterator[Trace]:
    if model.running is None:
        return
    rows, color = thinned(len(model.running.time), MOST_POINTS), FACES[model.key]
    parts = (scale * model.running.time, model.running.mean, model.running.low, model.running.high)
    time, mean, low, high = (part[rows] for part in parts)
    yield band(time, low, high, color, model.key)
    hover = f"{model.name}<br>%{{x:.3g}} {unit}: %{{y:.3g}} W/mK<extra></extra>"
    yield line(time, mean, model.name, color, legendgroup=model.key, hovertemplate=hover)


def _bar(place: int, model: MdModel) -> Trace:
    kappa = model.kappa or 0.0
    interval = ""
    bars: Trace = {}
    if model.interval is not None:
        low, high = model.interval
        bars = {"type": "data", "symmetric": False, "array": [high - kappa], "arrayminus": [kappa - low],
                "color": "--ink", "thickness": 1.3}  # fmt: skip
        interval = f"<br>95 %: {low:.3g} to {high:.3g} W/mK"
    return {"type": "bar", "x": [place], "y": [kappa], "name": model.name, "width": 0.56, "error_y": bars,
            "marker": {"color": f"{FACES[model.key]} / 0.55"},
            "hovertemplate": f"{model.name}: {kappa:.3g} W/mK{interval}<extra></extra>"}  # fmt: skip


def _standard_error(place: int, model: MdModel) -> Iterator[Trace]:
    if model.kappa is not None and model.standard_error is not None:
        ends = [model.kappa - model.standard_error, model.kappa + model.standard_error]
        yield line([place, place], ends, "standard error", "--ink", width=5, hoverinfo="skip")


def _spectrum(model: MdModel) -> Iterator[Trace]:
    if model.spectrum is None:
        return
    rows, color = thinned(len(model.spectrum.omega), MOST_POINTS), FACES[model.key]
    frequency, kappa = model.spectrum.omega[rows] / (2 * np.pi), model.spectrum.kappa[rows]
    if model.spectrum.error is not None:
        error = model.spectrum.error[rows]
        yield band(frequency, kappa - error, kappa + error, color, model.key)
    hover = f"{model.name}<br>%{{x:.3g}} THz: %{{y:.3g}} W/m/K/THz<extra></extra>"
    yield line(frequency, kappa, model.name, color, legendgroup=model.key, hovertemplate=hover)
