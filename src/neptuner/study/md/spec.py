"""The table ``[md]`` of ``study.toml``: whether and how to ask what the better model changes in the physics."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from neptuner.errors import InputError

Thermostat = Literal["nvt_nhc", "nvt_bdp"]
Engine = Literal["embedded", "gpumd"]

AXES = ("x", "y", "z")


@dataclass(frozen=True)
class MdSpec:
    """Molecular dynamics of a study, defaults filled in."""

    temperature: float
    """In kelvin."""
    supercell: tuple[int, int, int] | None
    """Copies of the structure; None: the fewest that make a cell thick enough for the cutoff."""
    method: Literal["hnemd"]
    fe: tuple[float, ...]
    """Driving forces in 1/angstrom; more than one make a scan."""
    direction: int
    """Axis of the driving force: 0, 1 or 2."""
    time_ps: float
    """Production of a replicate in picoseconds."""
    equilibration_ps: float
    """Before it: one half at zero pressure, the other in the cell that came of it."""
    screen_ps: float
    """Run at constant energy that a model has to survive first."""
    replicates: int
    """Runs of each model, with the same seeds for every model."""
    time_step: float
    """In femtoseconds."""
    structure: Path | None
    """model.xyz to begin with; None: a training frame."""
    thermostat: Thermostat
    coupling: float
    """Relaxation time of the thermostat in time steps."""
    correction: bool
    """Whether to extrapolate the conductivity to models without force error."""
    correction_models: int
    """How many models of the sweep that takes."""
    engine: Engine = "embedded"
    """neptuner's own molecular dynamics, or GPUMD's program."""

    def steps(self, picoseconds: float) -> int:
        """Number of time steps, at least one."""
        return max(1, math.ceil(1000 * picoseconds / self.time_step - 1e-9))


class MdTable(BaseModel):
    """``[md]`` as TOML gives it; a description is what an error message says was expected."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    temperature: float = Field(300.0, gt=0, le=1e5, description="kelvin, above 0")
    supercell: Any = Field(None, description="three whole numbers of at least 1, such as [3, 3, 3]")
    method: Literal["hnemd"] = Field(
        "hnemd",
        description='"hnemd", all that a study can do (Green-Kubo: `neptuner md` with compute_hac, `neptuner kappa`)',
    )
    fe: Any = Field(2e-4, description="a driving force in 1/angstrom other than 0, or a list of them")
    direction: Literal["x", "y", "z"] = Field("x", description='"x", "y" or "z"')
    time_ps: float = Field(20.0, gt=0, allow_inf_nan=False, description="picoseconds, above 0")
    equilibration_ps: float = Field(5.0, gt=0, allow_inf_nan=False, description="picoseconds, above 0")
    screen_ps: float = Field(2.0, gt=0, allow_inf_nan=False, description="picoseconds, above 0")
    replicates: int = Field(2, ge=1, description="a whole number of at least 1")
    time_step: float = Field(1.0, gt=0, le=10, description="femtoseconds, above 0 and at most 10")
    structure: str | None = Field(None, min_length=1, description="the path of a model.xyz")
    thermostat: Thermostat = Field("nvt_nhc", description='"nvt_nhc" or "nvt_bdp"')
    coupling: float = Field(100.0, ge=1, allow_inf_nan=False, description="time steps, at least 1")
    correction: bool = Field(False, description="true or false")
    correction_models: int = Field(4, ge=3, description="a whole number of at least 3")
    engine: Engine = Field("embedded", description='"embedded" or "gpumd"')


def make_md_spec(table: MdTable, path: Path) -> MdSpec:
    """Fill in what depends on more than one value.

    Parameters
    ----------
    table
        The table as it was read.
    path
        The TOML file; a structure is looked for beside it.

    Raises
    ------
    InputError
        For a supercell or driving forces that cannot be.
    """
    return MdSpec(
        **table.model_dump(exclude={"supercell", "fe", "direction", "structure"}),
        supercell=None if table.supercell is None else _supercell(table.supercell, path),
        fe=_forces(table.fe, path),
        direction=AXES.index(table.direction),
        structure=None if table.structure is None else path.parent / table.structure,
    )


def _supercell(value: Any, path: Path) -> tuple[int, int, int]:
    if not (isinstance(value, list) and len(value) == 3 and all(type(n) is int and n >= 1 for n in value)):
        raise _refusal("supercell", value, path)
    first, second, third = value
    return first, second, third


def _forces(value: Any, path: Path) -> tuple[float, ...]:
    """Driving forces, each once and in the order of the file."""
    listed = value if isinstance(value, list) else [value]
    if not listed or any(type(f) not in (int, float) or not math.isfinite(f) or f == 0 for f in listed):
        raise _refusal("fe", value, path)
    return tuple(dict.fromkeys(float(f) for f in listed))


def _refusal(key: str, value: Any, path: Path) -> InputError:
    found = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return InputError(f"md.{key} is {found}; expected {MdTable.model_fields[key].description}", path=path)
