"""What a ``run.in`` asks for, as plain records; ``run_in`` reads and writes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

EnsembleKind = Literal["nve", "nvt_nhc", "nvt_bdp", "nvt_lan", "nvt_ber", "npt_scr", "npt_ber"]


@dataclass(frozen=True)
class Group:
    """Atoms that share a label: ``group METHOD ID``."""

    method: int
    """Which ``group`` column of model.xyz, from 0."""
    label: int


@dataclass(frozen=True)
class Ensemble:
    """``ensemble``: how temperature and pressure are kept."""

    kind: EnsembleKind = "nve"
    t_start: float = 0.0
    """Target temperature at the beginning of the run in kelvin."""
    t_stop: float = 0.0
    """At its end; the target goes there on a straight line."""
    t_coupling: float = 1.0
    """Relaxation time of the thermostat in time steps."""
    pressures: tuple[float, ...] = ()
    """Targets in gigapascal: one (isotropic), three (xx yy zz) or six (xx yy zz yz xz xy)."""
    moduli: tuple[float, ...] = ()
    """Estimated elastic moduli in gigapascal, as many."""
    p_coupling: float = 1.0
    """Relaxation time of the barostat in time steps."""
    line: int | None = None


@dataclass(frozen=True)
class DumpThermo:
    """``dump_thermo``: rows of thermo.out."""

    interval: int
    line: int | None = None


@dataclass(frozen=True)
class DumpXyz:
    """``dump_xyz``: frames of a trajectory."""

    interval: int
    filename: str
    """One ending in ``*`` stands for a file of each frame, named by its step."""
    group: Group | None = None
    precision: Literal["single", "double"] = "single"
    quantities: tuple[str, ...] = ()
    """Of ``mass velocity force potential virial group_labels unwrapped_position``."""
    line: int | None = None


@dataclass(frozen=True)
class DumpRestart:
    """``dump_restart``: restart.xyz, a model.xyz with velocities."""

    interval: int
    line: int | None = None


@dataclass(frozen=True)
class ComputeHnemd:
    """``compute_hnemd``: rows of kappa.out under a driving force."""

    interval: int
    """Steps that a row is the mean of."""
    force: tuple[float, float, float]
    """Driving force in 1/angstrom."""
    line: int | None = None


@dataclass(frozen=True)
class ComputeHac:
    """``compute_hac``: heat current autocorrelation and its integral, hac.out."""

    sample: int
    """Steps between two samples of the heat current."""
    correlation_steps: int
    """Number of lags."""
    output: int
    """Lags that a row is the mean of."""
    line: int | None = None


@dataclass(frozen=True)
class ComputeShc:
    """``compute_shc``: virial-velocity correlation and spectral heat current, shc.out."""

    sample: int
    correlation_steps: int
    direction: int
    """0, 1 or 2: x, y or z."""
    num_omega: int
    max_omega: float
    """In rad/ps."""
    group: Group | None = None
    line: int | None = None


@dataclass(frozen=True)
class ComputeMsd:
    """``compute_msd``: mean-square displacement and self-diffusion, msd.out."""

    sample: int
    correlation_steps: int
    group: Group | None = None
    line: int | None = None


@dataclass(frozen=True)
class ComputeRdf:
    """``compute_rdf``: radial distribution functions, rdf.out."""

    cutoff: float
    """In angstrom."""
    bins: int
    interval: int
    line: int | None = None


Measure = DumpThermo | DumpXyz | DumpRestart | ComputeHnemd | ComputeHac | ComputeShc | ComputeMsd | ComputeRdf


@dataclass(frozen=True)
class Velocity:
    """``velocity``: random velocities, unless model.xyz has some."""

    temperature: float
    """In kelvin."""
    seed: int | None = None
    line: int | None = None


@dataclass(frozen=True)
class Minimize:
    """``minimize``: relax positions, and with ``fire`` also the cell."""

    method: Literal["sd", "fire"]
    force_tolerance: float
    """Largest force component in eV/angstrom at which it ends; negative: only after all steps."""
    max_steps: int
    box_change: bool = False
    hydrostatic: bool = False
    line: int | None = None


@dataclass(frozen=True)
class Run:
    """``run`` with everything said for it since the last one."""

    steps: int
    time_step: float = 1.0
    """In femtoseconds."""
    max_distance: float | None = None
    """Farthest in angstrom that an atom goes in a step, by a smaller step if need be."""
    ensemble: Ensemble = field(default_factory=Ensemble)
    target_temperature: float | None = None
    """Final target in kelvin of the last thermostat up to here; heat transport is divided by it."""
    correct_velocity: int | None = None
    """Steps between removals of linear and angular momentum."""
    correct_group: int | None = None
    """Grouping method whose groups are corrected one by one; None: all atoms together."""
    measures: tuple[Measure, ...] = ()
    line: int | None = None


Action = Velocity | Minimize | Run


@dataclass(frozen=True)
class Script:
    """A whole ``run.in``, in the order in which GPUMD carries it out."""

    potential: str
    """As written, relative to the folder of run.in."""
    replicate: tuple[int, int, int] = (1, 1, 1)
    actions: tuple[Action, ...] = ()
    path: Path | None = None
