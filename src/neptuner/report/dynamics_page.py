"""What the page says of molecular dynamics: verdict, tables and the words around them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neptuner.report import numbers
from neptuner.report.data import Results
from neptuner.report.dynamics_data import Correction, Dynamics, MdModel
from neptuner.report.gallery import Drawing
from neptuner.report.tables import Cell, Row, Table

FIGURES = ("md-running", "md-kappa", "md-spectrum", "md-force-error")


def short_sentence(results: Results) -> str:
    """Say in one sentence what molecular dynamics found, for the top of the page."""
    md = results.md
    if md is None:
        return "No molecular dynamics was asked for, so whether the better model changes the physics is open."
    return f"Molecular dynamics: {md.verdict}"


def dynamics_section(results: Results, drawings: Mapping[str, Drawing]) -> dict[str, Any] | None:
    """Everything the templates show of molecular dynamics; None if none was asked for."""
    md = results.md
    if md is None:
        return None
    return {
        "verdict": md.verdict,
        "note": md.note,
        "table": models_table(md) if md.models else None,
        "scans": [f"Driving-force scan of {m.name}: {m.scan}." for m in md.models.values() if m.scan],
        "drawings": [drawings[name] for name in FIGURES if name in drawings],
        "correction": _correction_sentences(md),
        "correction_table": correction_table(md.correction) if md.correction else None,
        "warnings": _warnings(md),
        "method": _method(md),
        "runs": runs_table(md) if md.runs else None,
    }


def models_table(md: Dynamics) -> Table:
    """Tabulate conductivity, its interval, the screen and the speed of each model."""
    header = (
        Cell("Model"), Cell("κ", "W/mK, ± standard error"), Cell("95 % interval", "W/mK"), Cell("Runs"),
        Cell("Error within runs", "W/mK"), Cell("Error between runs", "W/mK"), Cell("Stable"), Cell("Speed", "ns/day"),
    )  # fmt: skip
    return Table(header, tuple(_model_row(md, model) for model in md.models.values()), "lrrrrrlr")


def correction_table(correction: Correction) -> Table:
    """Tabulate the models of the force-error correction."""
    header = (Cell("Model"), Cell(f"{correction.split.capitalize()} force RMSE", "eV/Å"), Cell("κ", "W/mK"))
    rows = [
        Row((Cell(point.name), Cell(f"{point.force_rmse:.4f}"), Cell(_with_error(point.kappa, point.error))))
        for point in correction.points
    ]
    last = Cell(_with_error(correction.kappa, correction.standard_error))
    return Table(header, (*rows, Row((Cell("no force error", "extrapolated"), Cell("0"), last), best=True)), "lrr")


def runs_table(md: Dynamics) -> Table:
    """Tabulate every run of molecular dynamics."""
    header = tuple(Cell(t) for t in ("Directory", "For", "Seed", "Fe", "State", "κ", "Seconds"))
    rows = tuple(
        Row(
            (
                Cell(run.id),
                Cell(run.kind),
                Cell(numbers.NOTHING if run.seed is None else str(run.seed)),
                Cell(numbers.NOTHING if run.fe is None else f"{run.fe:g}"),
                Cell(run.state),
                Cell(numbers.NOTHING if run.kappa is None else f"{run.kappa:.3g}"),
                Cell(numbers.seconds(run.seconds)),
            ),
            muted=run.state in ("pending", "running"),
        )
        for run in md.runs
    )
    return Table(header, rows, "llrrlrr")


def _model_row(md: Dynamics, model: MdModel) -> Row:
    screen = md.screens.get(model.key)
    passed = screen.passed if screen is not None else None
    stable = Cell(
        numbers.NOTHING if passed is None else "yes" if passed else "no", f"({screen.sentence})" if screen else ""
    )
    interval = (
        numbers.NOTHING if model.interval is None else f"{_kappa(model.interval[0])} to {_kappa(model.interval[1])}"
    )
    cells = (
        Cell(model.name, f"({model.key})" if model.key not in model.name else ""),
        Cell(_with_error(model.kappa, model.standard_error)),
        Cell(interval),
        Cell(str(model.n_runs)),
        Cell(_kappa(model.blocked_error)),
        Cell(_kappa(model.spread_error)),
        stable,
        Cell(numbers.NOTHING if model.ns_per_day is None else f"{model.ns_per_day:.3g}"),
    )
    return Row(cells, best=model.key == "final" and model.kappa is not None, muted=passed is False)


def _correction_sentences(md: Dynamics) -> list[str]:
    if md.correction is None:
        return [md.correction_problem] if md.correction_problem else []
    return [md.correction.sentence, *(f"{_capital(warning)}." for warning in md.correction.warnings)]


def _warnings(md: Dynamics) -> list[str]:
    of_models = [f"{model.name}: {warning}" for model in md.models.values() for warning in model.warnings]
    return [f"{warning.rstrip('.')}." for warning in (*map(_capital, md.warnings), *of_models)]


def _method(md: Dynamics) -> list[str]:
    return [sentence for sentence in (_m_start(md), _m_screen(md), _m_kappa(md), _m_error(md)) if sentence]


def _m_start(md: Dynamics) -> str:
    copies = f", {' x '.join(map(str, md.supercell))} copies" if md.supercell else ""
    size = f": {numbers.count(md.atoms)} atoms" if md.atoms else ""
    used = " Each model is the replicate that is best on validation." if md.models else ""
    return f"All models begin with {md.structure}{copies}{size}.{used}" if md.structure else ""


def _m_screen(md: Dynamics) -> str:
    if md.screen_ps is None:
        return ""
    return (
        f"First each model has to survive {md.screen_ps:g} ps at constant energy after equilibration at "
        f"{md.temperature:g} K: no blow-up, no drift of the energy, no runaway of the temperature."
    )


def _m_kappa(md: Dynamics) -> str:
    if not md.fe or md.time_ps is None:
        return ""
    forces = numbers.listing([f"{f:g}" for f in md.fe])
    equilibration = "" if md.equilibration_ps is None else f"{md.equilibration_ps:g} ps of equilibration at 0 GPa and "
    step = "" if md.time_step is None else f" with a time step of {md.time_step:g} fs"
    return (
        f"Conductivity: homogeneous non-equilibrium molecular dynamics (HNEMD) along {md.direction} with a driving "
        f"force of {forces} 1/Å, {equilibration}{md.time_ps:g} ps of production a run{step}, thermostat "
        f"{md.thermostat}; {numbers.several(md.replicates or 0, 'run')} a model, with the same seeds for every model."
    )


def _m_error(md: Dynamics) -> str:
    origins = {model.error_from for model in md.measured}
    if not origins:
        return ""
    words = {"runs": "the spread of the runs", "blocking": "blocking within the runs, of which there are few"}
    listed = numbers.listing([words[origin] for origin in sorted(origins) if origin in words] or ["the runs"])
    return f"The transient of a run is found, not guessed; standard errors come from {listed}."


def _with_error(value: float | None, error: float | None) -> str:
    if value is None:
        return numbers.NOTHING
    return _kappa(value) if error is None else f"{_kappa(value)} ± {_kappa(error)}"


def _kappa(value: float | None) -> str:
    if value is None:
        return numbers.NOTHING
    return (
        f"{value:.3g}".replace("-", numbers.MINUS) if abs(value) < 100 else f"{value:.0f}".replace("-", numbers.MINUS)
    )


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
