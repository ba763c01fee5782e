"""Whether runs belong together, and what about them asks for caution."""

from __future__ import annotations

from collections.abc import Sequence

from neptuner.engines.heat_conditions import Conditions
from neptuner.engines.heat_runs import DrivenRun, EquilibriumRun, HeatRuns
from neptuner.errors import InputError
from neptuner.files.digest import file_hash
from neptuner.files.script import ComputeHac, ComputeHnemd, Run

_OFF = 3.0


def check_alike(runs: HeatRuns) -> None:
    """Refuse runs of different temperatures, atoms or potentials: their mean would be a conductivity of nothing.

    Raises
    ------
    InputError
        With the two that differ.
    """
    every: Sequence[DrivenRun | EquilibriumRun] = [*runs.driven, *runs.equilibrium]
    first = every[0]
    hashes: dict[str, str] = {}
    for run in every[1:]:
        apart = _difference(first, run, hashes)
        if apart is not None:
            raise InputError(
                f"{first.name} and {run.name} {apart}; give them to `neptuner kappa` one at a time to compare them"
            )


def physical_warnings(runs: HeatRuns) -> list[str]:
    """Thin cells, thermostats that disturb the heat current, and temperatures off their target."""
    folders: dict[str, list[Conditions]] = {}
    for folder in runs.folders:
        for run in folder.runs:
            if any(isinstance(measure, ComputeHnemd | ComputeHac) for measure in run.measures):
                for remark in (*_thin(folder, run), *_thermostat(run), *_off_target(folder, run)):
                    folders.setdefault(remark, []).append(folder)
    return [_placed(remark, where, len(runs.folders)) for remark, where in folders.items()]


def _difference(
    first: DrivenRun | EquilibriumRun, second: DrivenRun | EquilibriumRun, hashes: dict[str, str]
) -> str | None:
    if abs(first.temperature - second.temperature) > 1e-6 * first.temperature:
        return f"have different temperatures ({first.temperature:g} and {second.temperature:g} K)"
    one, other = first.conditions, second.conditions
    if one.composition != other.composition:
        return f"have different atoms ({_formula(one)} and {_formula(other)})"
    if one.potential is not None and other.potential is not None:
        found = [hashes.setdefault(str(path), file_hash(path)) for path in (one.potential, other.potential)]
        if found[0] != found[1]:
            return f"have different potentials ({one.potential} and {other.potential})"
    return None


def _formula(folder: Conditions) -> str:
    return " ".join(f"{element}{count}" for element, count in folder.composition.items())


def _thin(folder: Conditions, run: Run) -> list[str]:
    if folder.cutoff is None or (thickness := folder.thickness(run)) >= 2 * folder.cutoff:
        return []
    return [
        f"the cell is {thickness:.3g} \u00c5 thick, less than twice the cutoff ({folder.cutoff:g} \u00c5): atoms feel"
        " their own images and phonons have few wave vectors; replicate it"
    ]


def _thermostat(run: Run) -> list[str]:
    kind = run.ensemble.kind
    driven = any(isinstance(measure, ComputeHnemd) for measure in run.measures)
    if kind == "nvt_lan":
        return [
            "the Langevin thermostat scatters phonons, which lowers the conductivity; use"
            f" {'nvt_nhc' if driven else 'nve'} (unless random forces are wanted to extrapolate them away)"
        ]
    if kind == "nve" and driven:
        return ["a driving force heats a run without thermostat; use nvt_nhc"]
    return []


def _off_target(folder: Conditions, run: Run) -> list[str]:
    found = folder.mean_temperature(run)
    if found is None or run.target_temperature is None:
        return []
    mean, error = found
    if not abs(mean - run.target_temperature) > _OFF * error:
        return []
    return [
        f"the mean temperature is {mean:.1f} \u00b1 {error:.1f} K, but the conductivity is divided by that of the last"
        f" thermostat, {run.target_temperature:g} K; equilibrate longer"
    ]


def _placed(remark: str, where: list[Conditions], total: int) -> str:
    """Put the folder before a remark that is not about all of them."""
    distinct = list(dict.fromkeys(str(folder.directory) for folder in where))
    if len(distinct) == total:
        return remark
    more = f" and {len(distinct) - 1} more" if len(distinct) > 1 else ""
    return f"{distinct[0]}{more}: {remark}"
