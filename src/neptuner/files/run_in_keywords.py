"""Every keyword of ``run.in`` in one table, with the function that reads its words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

from neptuner.errors import InputError
from neptuner.files.run_in_line import Line
from neptuner.files.run_in_measures import (
    compute_hac,
    compute_hnemd,
    compute_msd,
    compute_rdf,
    compute_shc,
    dump_exyz,
    dump_restart,
    dump_thermo,
    dump_xyz,
)
from neptuner.files.script import Action, Ensemble, EnsembleKind, Measure, Minimize, Velocity


@dataclass(frozen=True)
class Potential:
    """``potential``: the model."""

    name: str


@dataclass(frozen=True)
class Replicate:
    """``replicate``: repeat model.xyz."""

    numbers: tuple[int, int, int]


@dataclass(frozen=True)
class TimeStep:
    """``time_step``: for every later run; the distance only for the next."""

    femtoseconds: float
    max_distance: float | None


@dataclass(frozen=True)
class CorrectVelocity:
    """``correct_velocity``: for the next run."""

    interval: int
    group: int | None


@dataclass(frozen=True)
class Steps:
    """``run``: how many steps."""

    number: int


Statement = Potential | Replicate | TimeStep | CorrectVelocity | Steps | Ensemble | Action | Measure


@dataclass(frozen=True)
class Keyword:
    """How a keyword is written."""

    usage: str
    counts: tuple[int, ...]
    """Allowed numbers of words; empty: any, the function checks."""
    parse: Callable[[Line], Statement]


def parse_line(line: Line) -> Statement:
    """What a line says.

    Raises
    ------
    InputError
        If the keyword is unknown or not supported, or its words are not what they must be.
    """
    keyword = KEYWORDS.get(line.keyword)
    if keyword is None:
        raise _unknown(line)
    if keyword.counts:
        line.check_count(keyword.counts, keyword.usage)
    return keyword.parse(line)


def _unknown(line: Line) -> InputError:
    name = line.keyword
    if name in REPLACED:
        return line.plain_error(f"`{name}` was removed from GPUMD; write `{REPLACED[name]}` instead")
    if name in NOT_SUPPORTED:
        advice = "remove the line or run it with gpumd"
        return line.plain_error(f"`{name}` is a GPUMD keyword that neptuner md cannot do yet; {advice}")
    near = get_close_matches(name.lower(), [*KEYWORDS, *NOT_SUPPORTED], n=1)
    hint = f"did you mean `{near[0]}`?" if near else f"expected one of {', '.join(KEYWORDS)}"
    return line.plain_error(f"`{name}` is not a keyword of run.in; {hint}")


def _potential(line: Line) -> Potential:
    return Potential(line.words[0])


def _replicate(line: Line) -> Replicate:
    a, b, c = (line.integer(index, "number of replicas", 1) for index in range(3))
    return Replicate((a, b, c))


def _velocity(line: Line) -> Velocity:
    if len(line.words) == 3 and line.words[1] != "seed":
        raise line.error(f"found `{line.words[1]}`, expected `velocity TEMPERATURE seed NUMBER`")
    seed = line.integer(2, "seed", 0, 2**31 - 1) if len(line.words) == 3 else None
    return Velocity(line.real(0, "temperature", above=0), seed, line.number)


def _correct_velocity(line: Line) -> CorrectVelocity:
    group = line.integer(1, "grouping method", 0) if len(line.words) == 2 else None
    return CorrectVelocity(line.integer(0, "interval", 10), group)


def _time_step(line: Line) -> TimeStep:
    distance = line.real(1, "largest distance", above=0) if len(line.words) == 2 else None
    return TimeStep(line.real(0, "time step", low=0), distance)


def _run(line: Line) -> Steps:
    return Steps(line.integer(0, "number of steps", 1))


def _ensemble(line: Line) -> Ensemble:
    kind = _kind(line)
    count = len(line.words) - 1
    if count not in ENSEMBLES[kind]:
        expected = " or ".join(map(str, ENSEMBLES[kind]))
        raise line.error(f"has {count} number(s) after {kind}, expected {expected}")
    return Ensemble(kind, line=line.number) if kind == "nve" else _thermostat(line, kind)


def _kind(line: Line) -> EnsembleKind:
    usage = "`ensemble nve`, `ensemble nvt_nhc T_START T_STOP T_COUPLING` and the like"
    if not line.words:
        raise line.error(f"has no method, expected {usage}")
    word = line.words[0]
    for kind in ENSEMBLES:
        if kind == word:
            return kind
    if word in OTHER_ENSEMBLES:
        raise line.error(f"`{word}` is a GPUMD ensemble that neptuner md cannot do yet; run it with gpumd")
    near = get_close_matches(word, [*ENSEMBLES, *OTHER_ENSEMBLES], n=1)
    hint = f"; did you mean `{near[0]}`?" if near else f", expected {usage}"
    raise line.error(f"`{word}` is not an ensemble{hint}")


def _thermostat(line: Line, kind: EnsembleKind) -> Ensemble:
    start, stop = line.reals(1, 2, "target temperature", above=0)
    coupling = line.real(3, "temperature coupling", low=1)
    if len(line.words) == 4:
        return Ensemble(kind, start, stop, coupling, line=line.number)
    count = (len(line.words) - 5) // 2
    pressures = line.reals(4, count, "target pressure")
    moduli = line.reals(4 + count, count, "elastic modulus", above=0)
    p_coupling = line.real(4 + 2 * count, "pressure coupling", low=1)
    return Ensemble(kind, start, stop, coupling, pressures, moduli, p_coupling, line.number)


def _minimize(line: Line) -> Minimize:
    if line.words[0] not in ("sd", "fire"):
        raise line.error(f"found the method `{line.words[0]}`, expected sd or fire")
    if line.words[0] == "sd" and len(line.words) > 3:
        raise line.error("steepest descent cannot change the cell; write `minimize fire` or leave out the last words")
    flags = [bool(line.integer(index, "flag", 0, 1)) for index in range(3, len(line.words))] + [False, False]
    return Minimize(
        "sd" if line.words[0] == "sd" else "fire",
        line.real(1, "force tolerance"),
        line.integer(2, "number of steps", 1),
        box_change=flags[0],
        hydrostatic=flags[1],
        line=line.number,
    )


ENSEMBLES: dict[EnsembleKind, tuple[int, ...]] = {
    "nve": (0,),
    "nvt_nhc": (3,),
    "nvt_bdp": (3,),
    "nvt_lan": (3,),
    "nvt_ber": (3,),
    "npt_scr": (6, 10, 16),
    "npt_ber": (6, 10, 16),
}
"""Ensembles and how many numbers each may have."""

_OTHER_ENSEMBLES = """
nvt_bao nvt_qtb npt_qtb nvt_mttk npt_mttk nph_mttk heat_nhc heat_nhc_power heat_lan heat_bdp heat_ttm heat_hybrid ttm
rpmd trpmd pimd msst nphug wall_piston wall_mirror wall_harmonic ti ti_spring ti_rs ti_as ti_liquid
"""
OTHER_ENSEMBLES = frozenset(_OTHER_ENSEMBLES.split())
"""Ensembles that only GPUMD has."""

KEYWORDS: dict[str, Keyword] = {
    "potential": Keyword("potential FILE", (1,), _potential),
    "replicate": Keyword("replicate A B C", (3,), _replicate),
    "velocity": Keyword("velocity TEMPERATURE [seed NUMBER]", (1, 3), _velocity),
    "correct_velocity": Keyword("correct_velocity INTERVAL [METHOD]", (1, 2), _correct_velocity),
    "time_step": Keyword("time_step FEMTOSECONDS [DISTANCE]", (1, 2), _time_step),
    "ensemble": Keyword("ensemble KIND ...", (), _ensemble),
    "minimize": Keyword("minimize sd|fire TOLERANCE STEPS [CELL [HYDROSTATIC]]", (3, 4, 5), _minimize),
    "dump_thermo": Keyword("dump_thermo INTERVAL", (1,), dump_thermo),
    "dump_xyz": Keyword("dump_xyz INTERVAL FILE ...", (), dump_xyz),
    "dump_exyz": Keyword("dump_exyz INTERVAL [VELOCITY [FORCE [POTENTIAL [SEPARATED]]]]", (1, 2, 3, 4, 5), dump_exyz),
    "dump_restart": Keyword("dump_restart INTERVAL", (1,), dump_restart),
    "compute_hnemd": Keyword("compute_hnemd INTERVAL X Y Z", (4,), compute_hnemd),
    "compute_hac": Keyword("compute_hac SAMPLE STEPS OUTPUT", (3,), compute_hac),
    "compute_shc": Keyword(
        "compute_shc SAMPLE STEPS DIRECTION N_OMEGA MAX_OMEGA [group METHOD LABEL]", (5, 8), compute_shc
    ),
    "compute_msd": Keyword("compute_msd SAMPLE STEPS [group METHOD LABEL]", (), compute_msd),
    "compute_rdf": Keyword("compute_rdf CUTOFF BINS INTERVAL", (), compute_rdf),
    "run": Keyword("run STEPS", (1,), _run),
}
"""Every keyword we can do."""

_NOT_SUPPORTED = """
active add_efield add_force add_random_force add_spring change_box compute compute_adf compute_angular_rdf
compute_chunk compute_cohesive compute_dos compute_dpdt compute_elastic compute_es compute_extrapolation compute_gkma
compute_hnema compute_hnemdec compute_ic compute_lsqt compute_orientorder compute_phonon compute_sdc compute_viscosity
deform deposit dftd3 dump_beads dump_cg dump_dipole dump_netcdf dump_observer dump_polarizability dump_shock_nemd
electron_stop fix kspace mc move plumed
"""
NOT_SUPPORTED = frozenset(_NOT_SUPPORTED.split())
"""Keywords that only GPUMD has."""

REPLACED = {
    "dump_position": "dump_xyz INTERVAL FILE",
    "dump_velocity": "dump_xyz INTERVAL FILE velocity",
    "dump_force": "dump_xyz INTERVAL FILE force",
}
"""Keywords that GPUMD had, and what it has now."""
