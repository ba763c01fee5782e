"""What the runs of a study say about the physics: conductivities, their difference, and the verdict in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neptuner.errors import InputError
from neptuner.study.md.analysis import Analysis, analyse
from neptuner.study.md.models import BASELINE, CORRECTION, FINAL, KAPPA, MdModel
from neptuner.study.md.phase import MdPhase, MdRecord
from neptuner.study.records import DONE, FAILED
from neptuner.transport.comparison import Comparison, Conditions, compare
from neptuner.transport.force_error import Extrapolation, extrapolate

CURVE_POINTS = 41


@dataclass(frozen=True)
class Findings:
    """What follows from the runs that are done."""

    analyses: dict[str, Analysis]
    """By model."""
    comparison: Comparison | None
    correction: dict[str, Any] | None
    """As results.json has it."""
    warnings: list[str]


def find(phase: MdPhase) -> Findings:
    """Evaluate the runs that are done."""
    warnings: list[str] = []
    analyses = {key: a for key in phase.models if (a := _analyse(phase, phase.of(KAPPA, key), warnings)) is not None}
    return Findings(analyses, _compare(phase, analyses), _correction(phase, analyses, warnings), warnings)


def make_verdict(phase: MdPhase, found: Findings) -> str:
    """Say in a sentence or two whether the better model changes the physics."""
    if phase.maker is None:
        return "Not run yet: molecular dynamics follows when every training is settled."
    unstable = [_unstable(phase, key) for key in phase.models if _failed_screen(phase, key)]
    if unstable:
        return " ".join([*unstable, _kappas(phase, found)]).strip()
    if found.comparison is not None:
        still = "" if phase.finished else " Runs are still to come."
        return f"At {phase.spec.temperature:g} K, {found.comparison.sentence}.{still}"
    if not phase.finished:
        return "Not known yet: the runs are still to be made."
    lacking = [key for key in (BASELINE, FINAL) if key not in found.analyses and key in phase.models]
    if lacking:
        names = " and ".join(_name(phase, key) for key in lacking)
        return f"No comparison: no run of {names} gave a conductivity. {_kappas(phase, found)}".strip()
    return f"No comparison: there is one model only. {_kappas(phase, found)}".strip()


def _analyse(phase: MdPhase, records: Sequence[MdRecord], warnings: list[str]) -> Analysis | None:
    """Evaluate the runs of a model that are done; None without any at the first driving force."""
    done = [record.run.id for record in records if record.state == DONE]
    if not _compared(phase, records):
        return None
    key = tuple(done)
    if key not in phase.analyses:  # finished runs do not change
        try:
            phase.analyses[key] = analyse(phase.store.folder, done, phase.spec.fe[0])
        except InputError as error:
            warnings.append(str(error))
            return None
    return phase.analyses[key]


def _compared(phase: MdPhase, records: Sequence[MdRecord]) -> list[MdRecord]:
    """Records that are done at the strength of the first driving force."""
    strength = abs(phase.spec.fe[0])
    return [r for r in records if r.state == DONE and r.run.fe is not None and abs(r.run.fe) == strength]


def _compare(phase: MdPhase, known: dict[str, Analysis]) -> Comparison | None:
    if BASELINE not in known or FINAL not in known:
        return None
    first, second = known[BASELINE].driven, known[FINAL].driven
    seeds = [[record.run.seed for record in _compared(phase, phase.of(KAPPA, key))] for key in (BASELINE, FINAL)]
    return compare(
        first.hnemd,
        second.hnemd,
        names=(_name(phase, BASELINE), _name(phase, FINAL)),
        paired=seeds[0] == seeds[1],
        conditions=(Conditions(first.volume, first.fe), Conditions(second.volume, second.fe)),
    )


def _correction(phase: MdPhase, known: dict[str, Analysis], warnings: list[str]) -> dict[str, Any] | None:
    """Extrapolate to no force error; None if that was not asked for, a sentence where it cannot be done."""
    if not phase.spec.correction:
        return None
    split = "validation" if any(model.force_rmse("test") is None for model in phase.correction) else "test"
    points = [point for model in phase.correction if (point := _point(phase, model, split, known, warnings))]
    common = {"split": split, "points": points}
    rmse, kappa, error = ([point[key] for point in points] for key in ("force_rmse", "kappa", "standard_error"))
    try:
        return {**common, **_fit(extrapolate(rmse, kappa, error), split), "problem": None}
    except InputError as refusal:
        waiting = "Not known yet: the runs for the correction of the force error are still to be made."
        reason = f"There is no correction of the force error: {refusal.message}."
        return {**common, "kappa": None, "problem": reason if phase.finished else waiting}


def _point(
    phase: MdPhase, model: MdModel, split: str, known: dict[str, Analysis], warnings: list[str]
) -> dict[str, Any] | None:
    """Force error and conductivity of one model; None while it has none."""
    compared = model.key in phase.models
    records = phase.of(KAPPA if compared else CORRECTION, model.key)
    found = known.get(model.key) if compared else _analyse(phase, records, warnings)
    rmse = model.force_rmse(split)
    if found is None or rmse is None:
        return None
    hnemd = found.driven.hnemd
    if not (np.isfinite(hnemd.standard_error) and hnemd.standard_error > 0):
        return None
    return {
        "model": model.key,
        "name": model.configuration.name,
        "runs": [record.run.id for record in _compared(phase, records)],
        "force_rmse": rmse,
        "kappa": hnemd.kappa,
        "standard_error": hnemd.standard_error,
    }


def _fit(fit: Extrapolation, split: str) -> dict[str, Any]:
    sigma = np.linspace(0, 1.05 * fit.sigma.max(), CURVE_POINTS)
    value, error = fit.curve(sigma)
    return {
        "order": fit.order,
        "kappa": fit.kappa_zero,
        "standard_error": fit.standard_error,
        "interval": list(fit.interval) if np.isfinite(fit.interval).all() else None,
        "coefficients": fit.coefficients.tolist(),
        "chi2": fit.chi2,
        "p_value": fit.p_value,
        "curve": {"force_rmse": _list(sigma), "kappa": _list(value), "error": _list(error)},
        "sentence": (
            f"Extrapolated to no force error (a line through {len(fit.sigma)} models against their {split} force "
            f"RMSE), the conductivity is {fit.kappa_zero:.3g} ± {fit.standard_error:.2g} W/mK. This is an "
            "approximation: the models differ in more than the size of their errors."
        ),
        "warnings": list(fit.warnings),
    }


def _list(values: NDArray[np.float64]) -> list[float]:
    return [float(f"{value:.6g}") for value in values.tolist()]


def _failed_screen(phase: MdPhase, key: str) -> bool:
    record = phase.screen_of(key)
    return record is not None and (record.state == FAILED or (record.screen is not None and not record.screen.passed))


def _unstable(phase: MdPhase, key: str) -> str:
    record = phase.screen_of(key)
    assert record is not None
    if record.screen is not None:
        return f"The model {_name(phase, key)} is not stable ({record.screen.sentence}), so it gets no conductivity."
    return f"The stability of {_name(phase, key)} could not be tested ({record.error}), so it gets no conductivity."


def _kappas(phase: MdPhase, found: Findings) -> str:
    """Conductivities that are known, in a sentence; empty without any."""
    parts = []
    for key, known in found.analyses.items():
        hnemd = known.driven.hnemd
        error = f" ± {hnemd.standard_error:.2g}" if np.isfinite(hnemd.standard_error) else ""
        parts.append(f"κ({_name(phase, key)}) = {hnemd.kappa:.3g}{error} W/mK")
    return f"At {phase.spec.temperature:g} K, {' and '.join(parts)}." if parts else ""


def _name(phase: MdPhase, key: str) -> str:
    return phase.models[key].configuration.name
