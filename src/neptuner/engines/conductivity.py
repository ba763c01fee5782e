"""Thermal conductivity with honest errors from folders of molecular dynamics, ours or GPUMD's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neptuner.engines.conductivity_result import Conductivity, Driven, Equilibrium
from neptuner.engines.heat_checks import check_alike, physical_warnings
from neptuner.engines.heat_runs import AXES, DrivenRun, EquilibriumRun, HeatRuns, read_heat_runs
from neptuner.errors import InputError
from neptuner.transport.cepstral import Cepstral, cepstral
from neptuner.transport.comparison import Agreement, methods_agree
from neptuner.transport.currents import Currents
from neptuner.transport.driving_force import Scan, scan
from neptuner.transport.green_kubo import Correlations, GreenKubo, green_kubo
from neptuner.transport.hnemd import hnemd, running
from neptuner.transport.intervals import agreement, interval
from neptuner.transport.planning import green_kubo_relative_error, planned_time, predicted_error
from neptuner.transport.spectral import spectral
from neptuner.transport.stacie_adapter import Stacie, available, stacie

Floats = NDArray[np.float64]

_PLANNED = 0.02
_SPECTRUM_OFF = 0.05
_TOO_SMALL = 2.0
_SAME_DATA = 2.0


def conductivity(
    directories: Sequence[str | Path], *, direction: str | None = None, with_stacie: bool | None = None
) -> Conductivity:
    """Find the conductivity of a material from folders of runs at one temperature.

    Driven runs (kappa.out) are averaged at each driving force; several forces are a scan, whose value at zero force
    is taken. Equilibrium runs (hac.out, heat_current.npz) give Green-Kubo values; the one from hac.out with the later
    cut-off is compared with the driven runs.

    Parameters
    ----------
    directories
        Folders with run.in and outputs, or folders of such.
    direction
        Axes of the equilibrium heat current to use, such as ``z`` or ``xy``; None takes all three.
    with_stacie
        Whether to use STACIE for heat_current.npz; None: where it is installed.

    Raises
    ------
    InputError
        If files are missing or damaged, or the runs are of different temperatures, atoms or potentials.
    """
    axes = _axes(direction)
    runs = read_heat_runs(directories)
    check_alike(runs)
    driven = tuple(_driven(group) for group in _by_force(runs.driven))
    scanned = _scan(driven) if len(driven) > 1 else None
    axes, left_out = _undriven(axes, runs.equilibrium)
    equilibrium = _equilibrium(runs.equilibrium, axes, with_stacie) if runs.equilibrium and axes else None
    value, error, bounds, method = _headline(driven, scanned, equilibrium)
    first = runs.driven[0] if runs.driven else runs.equilibrium[0]
    return Conductivity(
        kappa=value,
        standard_error=error,
        interval=bounds,
        method=method,
        temperature=first.temperature,
        n_atoms=first.conditions.n_atoms,
        composition=first.conditions.composition,
        driven=driven,
        scan=scanned,
        equilibrium=equilibrium,
        agreement=_agreement(value, error, equilibrium) if driven else None,
        warnings=(*_warnings(runs, driven, scanned, equilibrium), *left_out),
        files=tuple(file for folder in runs.folders for file in folder.files),
    )


def _axes(direction: str | None) -> list[int]:
    if direction is None:
        return [0, 1, 2]
    if not direction or any(axis not in AXES for axis in direction) or len(set(direction)) < len(direction):
        raise InputError(f"found the direction `{direction}`, expected one or more of x, y and z, such as z or xy")
    return [AXES.index(axis) for axis in direction]


def _undriven(axes: list[int], runs: Sequence[EquilibriumRun]) -> tuple[list[int], list[str]]:
    """Axes along which no run was driven, and a sentence about the others."""
    driven = frozenset[int]().union(*(run.driven for run in runs))
    gone = " and ".join(AXES[axis] for axis in axes if axis in driven)
    said = [f"the heat current along {gone} was driven: equilibrium estimates leave it out"] if gone else []
    return [axis for axis in axes if axis not in driven], said


def _by_force(runs: Sequence[DrivenRun]) -> list[list[DrivenRun]]:
    """Runs of equal strength of the driving force, the weakest first."""
    groups: list[list[DrivenRun]] = []
    for run in sorted(runs, key=lambda run: run.strength):
        if groups and np.isclose(run.strength, groups[-1][0].strength, rtol=1e-6):
            groups[-1].append(run)
        else:
            groups.append([run])
    return groups


def _driven(runs: Sequence[DrivenRun]) -> Driven:
    rows = [run.rows for run in runs]
    found = hnemd(rows)
    volume, fe = float(np.mean([run.volume for run in runs])), runs[0].strength
    with_spectrum = [run for run in runs if run.spectrum is not None and run.omega is not None]
    same = [run for run in with_spectrum if np.array_equal(_omega(run), _omega(with_spectrum[0]))]
    resolved = found.kappa > 2 * max(found.standard_error, found.blocked_error)
    return Driven(
        fe=fe,
        direction=" ".join(dict.fromkeys(run.direction for run in runs)),
        names=tuple(run.name for run in runs),
        hnemd=found,
        running=running(rows, found),
        predicted_error=predicted_error(found.kappa, volume, fe, found.time_ps) if found.kappa > 0 else np.nan,
        planned_time_ps=planned_time(found.kappa, volume, fe, _PLANNED * found.kappa) if resolved else np.nan,
        volume=volume,
        spectral=spectral(_omega(same[0]), [run.spectrum for run in same if run.spectrum is not None])
        if same
        else None,
        all_rows=_mean_of_all_rows(same or runs),
    )


def _mean_of_all_rows(runs: Sequence[DrivenRun]) -> float:
    lengths = [len(run.rows.values) * run.rows.row_ps for run in runs]
    return float(np.average([run.rows.values.mean() for run in runs], weights=lengths))


def _omega(run: DrivenRun) -> Floats:
    assert run.omega is not None
    return run.omega


def _scan(driven: Sequence[Driven]) -> Scan:
    freedom = sum(one.hnemd.degrees_of_freedom for one in driven)
    kappas = [one.hnemd.kappa for one in driven]
    return scan([one.fe for one in driven], kappas, [one.hnemd.standard_error for one in driven], freedom)


def _equilibrium(runs: Sequence[EquilibriumRun], axes: list[int], with_stacie: bool | None) -> Equilibrium:
    correlated = [run for run in runs if run.time is not None and run.integral is not None]
    raw = [run for run in runs if run.current is not None]
    said: list[str] = []
    found, by_direction = _green_kubo(correlated, axes) if correlated else (None, ())
    if found is not None:
        said += found.warnings
        said += _isotropy(by_direction, found, len(correlated), correlated[0].duration_ps)
    currents = _currents(raw, axes) if raw else None
    use_stacie = available() if with_stacie is None else with_stacie
    by_stacie = None
    if currents is not None and use_stacie:
        try:
            by_stacie = stacie(currents)
        except InputError as error:
            said.append(str(error))
    by_cepstrum = cepstral(currents) if currents is not None else None
    said += _differing({"autocorrelation": found, "cepstrum": by_cepstrum, "STACIE": by_stacie})
    return Equilibrium(
        names=tuple(run.name for run in runs),
        directions="".join(AXES[axis] for axis in axes),
        green_kubo=found,
        cepstral=by_cepstrum,
        stacie=by_stacie,
        by_direction=by_direction,
        warnings=tuple(said),
    )


def _green_kubo(runs: Sequence[EquilibriumRun], axes: list[int]) -> tuple[GreenKubo, tuple[float, ...]]:
    """Conductivity of all directions together, and of each."""
    first = runs[0]
    assert first.time is not None
    for run in runs[1:]:
        assert run.time is not None
        if not np.array_equal(run.time, first.time) or run.duration_ps != first.duration_ps:
            raise InputError(
                f"the autocorrelations of {run.name} and {first.name} have different times or lengths of run; give"
                " runs with the same compute_hac and run"
            )
    integrals = np.array([run.integral for run in runs])[:, axes]
    found = green_kubo(Correlations(first.time, integrals.reshape(-1, len(first.time)), first.duration_ps))
    plateau = (first.time >= found.plateau_ps[0]) & (first.time <= found.plateau_ps[1])
    return found, tuple(integrals[:, :, plateau].mean(axis=(0, 2)).tolist())


def _differing(estimates: Mapping[str, GreenKubo | Cepstral | Stacie | None]) -> list[str]:
    """Name estimates from the same heat currents that differ as only independent ones may."""
    known = {name: one for name, one in estimates.items() if one is not None}
    return [
        f"{name} and {other} see the same heat currents, but differ by more than twice the larger of their errors"
        f" ({one.kappa:.3g} \u00b1 {one.standard_error:.2g} and {two.kappa:.3g} \u00b1 {two.standard_error:.2g} W/mK):"
        " what one of them takes for granted does not hold, such as the shape of the spectrum; run longer to see which"
        for (name, one), (other, two) in combinations(known.items(), 2)
        if abs(one.kappa - two.kappa) > _SAME_DATA * max(one.standard_error, two.standard_error)
    ]


def _isotropy(by_direction: tuple[float, ...], found: GreenKubo, n_runs: int, duration_ps: float) -> list[str]:
    relative = green_kubo_relative_error(found.window_ps, n_runs * duration_ps)
    error = relative * max(map(abs, by_direction))
    probability = agreement(by_direction, [error] * len(by_direction))
    if probability is None or probability >= 0.01:
        return []
    values = ", ".join(f"{value:.3g}" for value in by_direction)
    return [
        f"the conductivity differs between directions ({values} W/mK, probability {probability:.2g}): their mean is"
        " none of the material's; give --direction"
    ]


def _currents(runs: Sequence[EquilibriumRun], axes: list[int]) -> Currents:
    series = [run.current for run in runs if run.current is not None]
    if len({run.sample_ps for run in runs}) > 1:
        raise InputError("the heat currents are sampled at different intervals; give runs with the same compute_hac")
    length = min(len(current) for current in series)
    stacked = np.concatenate([current[:length, axes].T for current in series])
    volume = float(np.mean([run.volume for run in runs]))
    return Currents(stacked, runs[0].sample_ps, volume, runs[0].temperature)


def _headline(
    driven: Sequence[Driven], scanned: Scan | None, equilibrium: Equilibrium | None
) -> tuple[float, float, tuple[float, float], str]:
    """Value, standard error, interval and method."""
    if scanned is not None:
        freedom = sum(one.hnemd.degrees_of_freedom for one in driven)
        return scanned.k0, scanned.k0_error, interval(scanned.k0, scanned.k0_error, freedom), "hnemd-scan"
    if driven:
        found = driven[0].hnemd
        return found.kappa, found.standard_error, found.interval, "hnemd"
    assert equilibrium is not None
    if equilibrium.green_kubo is not None:
        best = equilibrium.green_kubo
        return best.kappa, best.standard_error, best.interval, "green-kubo"
    assert equilibrium.cepstral is not None
    only = equilibrium.cepstral
    return only.kappa, only.standard_error, only.interval, "cepstral"


def _agreement(value: float, error: float, equilibrium: Equilibrium | None) -> Agreement | None:
    if equilibrium is None:
        return None
    correlated, spectrum = equilibrium.green_kubo, equilibrium.cepstral
    if correlated is not None:
        # the error at the cut-off is of noise alone: it says nothing of what little data hide beyond
        later = (correlated.later_kappa, correlated.later_error)
        return methods_agree((value, error), later, correlated.later_cutoff_ps)
    return None if spectrum is None else methods_agree((value, error), (spectrum.kappa, spectrum.standard_error))


def _warnings(
    runs: HeatRuns, driven: Sequence[Driven], scanned: Scan | None, equilibrium: Equilibrium | None
) -> tuple[str, ...]:
    said = list(runs.warnings) + physical_warnings(runs)
    for one in driven:
        where = f"Fe = {one.fe:g}/\u00c5: " if len(driven) > 1 else ""
        said += [where + warning for warning in (*one.hnemd.warnings, *_blocking_warnings(one))]
        if len(one.direction.split()) > 1:
            said.append(
                f"{where}runs driven along {one.direction} are averaged, which is right only if the material is"
                " isotropic"
            )
        said += [where + warning for warning in _spectrum_warnings(one)]
    if scanned is not None and scanned.fe[-1] > 1.001 * scanned.recommended_fe:
        said.append(
            f"the driving force {scanned.fe[-1]:.3g}/\u00c5 is larger than recommended"
            f" ({scanned.recommended_fe:.3g}/\u00c5)"
        )
    said += equilibrium.warnings if equilibrium is not None else ()
    return tuple(dict.fromkeys(said))


def _blocking_warnings(one: Driven) -> list[str]:
    if not one.predicted_error > _TOO_SMALL * one.hnemd.blocked_error:
        return []
    return [
        f"blocking finds an error of {one.hnemd.blocked_error:.2g} W/mK where the fluctuation-dissipation theorem"
        f" expects {one.predicted_error:.2g}: the runs are hardly longer than the correlations of the heat current;"
        " run longer"
    ]


def _spectrum_warnings(one: Driven) -> list[str]:
    if one.spectral is None or one.all_rows == 0:
        return []
    off = one.spectral.integral / one.all_rows - 1
    # a spectrum of a group of atoms has noise of its own
    noise = np.nanmax([one.predicted_error, one.hnemd.blocked_error, 0.0])
    if abs(off) <= max(_SPECTRUM_OFF, 3 * noise / abs(one.all_rows)):
        return []
    return [
        f"the spectral conductivity integrates to {one.spectral.integral:.4g} W/mK, {100 * off:+.0f} % off the running"
        f" average over the same time ({one.all_rows:.4g} W/mK); is its largest frequency too small?"
    ]
