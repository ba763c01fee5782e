"""What ``neptuner kappa`` says: the value first, then every error beside each other, then the runs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from rich.table import Table

from neptuner.engines.conductivity_result import Conductivity, Driven, Equilibrium
from neptuner.transport.comparison import duration

NOTHING = "-"
METHODS = {
    "hnemd": "driven runs (HNEMD)",
    "hnemd-scan": "driven runs (HNEMD), extrapolated to zero driving force",
    "green-kubo": "Green-Kubo, from the autocorrelation",
    "cepstral": "Green-Kubo, from the spectrum of the heat current",
}


def kappa_text(result: Conductivity) -> Iterator[str | Table]:
    """Lines and tables in the order of reading."""
    runs = f"{result.runs} run{'s' if result.runs > 1 else ''}"
    yield f"{result.n_atoms:,} atoms at {result.temperature:g} K, {runs}, {METHODS[result.method]}"
    value = _value(result.kappa, result.standard_error)
    yield f"\u03ba = {value} W/mK (standard error; 95 % interval {_range(result.interval)})"
    for one in result.driven:
        yield ""
        yield from _driven(one)
    if result.scan is not None:
        yield ""
        yield f"driving force: {result.scan.verdict}"
    if result.equilibrium is not None:
        yield ""
        yield from _equilibrium(result.equilibrium)
    if result.agreement is not None:
        yield result.agreement.sentence
    for warning in result.warnings:
        yield f"warning: {warning}"


def _driven(one: Driven) -> Iterator[str | Table]:
    found = one.hnemd
    cut = max(run.cut_ps for run in found.runs)
    transient = f"the first {duration(cut)} of each are a transient" if cut else "no transient was found"
    title = f"Fe = {one.fe:g}/\u00c5 along {one.direction}, {duration(found.time_ps)} in all; {transient}"
    table = _table("\u03ba (W/mK)", "error", "from", "95 % interval", title=title)
    value = _value(found.kappa, found.standard_error).partition(" ")[0]
    if found.spread_error is not None and found.spread_interval is not None:
        doubt = 100 / math.sqrt(2 * (len(found.runs) - 1))
        origin = f"spread of the runs (known to {doubt:.0f} %)"
        table.add_row(value, _error(found.spread_error), origin, _range(found.spread_interval))
    table.add_row(value, _error(found.blocked_error), "blocking within them", _range(found.blocked_interval))
    table.add_row("", _error(one.predicted_error), "fluctuation-dissipation theorem", NOTHING)
    yield table
    yield ""
    yield _runs(one)
    if one.spectral is not None:
        difference = 100 * (one.spectral.integral / one.all_rows - 1) if one.all_rows else math.nan
        yield ""
        yield (
            f"\u03ba(\u03c9) integrates to {_value(one.spectral.integral, one.spectral.integral_error)} W/mK,"
            f" {difference:+.1f} % off the mean of the same runs"
        )
    if math.isfinite(one.planned_time_ps):
        yield f"a standard error of 2 % takes about {duration(one.planned_time_ps)} in all at this driving force"


def _runs(one: Driven) -> Table:
    table = _table("run", "\u03ba", "blocked error", "time", "cut", "independent values")
    parents = {str(Path(name).parent) for name in one.names}
    names = [Path(name).name for name in one.names] if len(parents) == 1 else one.names
    for name, run in zip(names, one.hnemd.runs, strict=True):
        numbers = (f"{run.kappa:.4g}", _error(run.blocked.standard_error), duration(run.time_ps), duration(run.cut_ps))
        table.add_row(name, *numbers, f"{run.blocked.independent:.0f}")
    return table


def _equilibrium(one: Equilibrium) -> Iterator[str | Table]:
    runs = f"{len(one.names)} run{'s' if len(one.names) > 1 else ''}"
    title = f"equilibrium, {runs}, along {' '.join(one.directions)}"
    table = _table("\u03ba (W/mK)", "error", "95 % interval", "from", title=title)
    if (found := one.green_kubo) is not None:
        how = f"autocorrelation up to {duration(found.cutoff_ps)}"
        table.add_row(f"{found.kappa:.4g}", _error(found.standard_error), _range(found.interval), how)
        if found.later_cutoff_ps > found.cutoff_ps:
            how = f"the same up to {duration(found.later_cutoff_ps)}"
            table.add_row(f"{found.later_kappa:.4g}", _error(found.later_error), "", how)
    if (series := one.cepstral) is not None:
        how = f"{series.coefficients} cepstral coefficients below {series.max_frequency:.3g} THz"
        table.add_row(f"{series.kappa:.4g}", _error(series.standard_error), _range(series.interval), how)
    if (fit := one.stacie) is not None:
        half = 1.96 * fit.standard_error
        bounds = _range((fit.kappa - half, fit.kappa + half))
        table.add_row(f"{fit.kappa:.4g}", _error(fit.standard_error), bounds, f"STACIE, {fit.model}")
    yield table


def _table(*headers: str, title: str | None = None) -> Table:
    return Table(*headers, title=title, box=None, padding=(0, 2, 0, 0), title_justify="left", title_style="")


def _value(value: float, error: float | None) -> str:
    """Write a value to the decimals of its error, of which two figures are kept."""
    if error is None or not math.isfinite(error) or error <= 0:
        return f"{value:.4g}"
    decimals = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:.{decimals}f} \u00b1 {error:.{decimals}f}"


def _error(error: float) -> str:
    return f"{error:.2g}" if math.isfinite(error) else NOTHING


def _range(bounds: tuple[float, float]) -> str:
    return f"{bounds[0]:.4g} to {bounds[1]:.4g}" if math.isfinite(bounds[0]) else "unknown"
