"""What molecular dynamics left of heat transport in a folder, ours or GPUMD's, run by run."""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from neptuner.engines.heat_conditions import Conditions, read_conditions
from neptuner.errors import InputError
from neptuner.files.hac_out import Hac, read_hac
from neptuner.files.kappa_out import read_kappa
from neptuner.files.script import ComputeHac, ComputeHnemd, ComputeShc, Run
from neptuner.files.shc_out import Shc, read_shc
from neptuner.transport.hnemd import Rows
from neptuner.transport.spectral import spectral_conductivity

Floats = NDArray[np.float64]
M = TypeVar("M", ComputeHnemd, ComputeHac, ComputeShc)

AXES = "xyz"
COMPONENTS = ((0, 1), (2, 3), (4,))
"""Columns of kappa.out and hac.out that add up to each axis."""


@dataclass(frozen=True, eq=False)
class DrivenRun:
    """Rows of kappa.out of one run under a driving force."""

    name: str
    conditions: Conditions
    rows: Rows
    """Along the driving force."""
    force: tuple[float, float, float]
    """Driving force in 1/angstrom."""
    volume: float
    """In cubic angstrom."""
    temperature: float
    """Target in kelvin, which the rows are divided by."""
    ensemble: str
    omega: Floats | None = None
    """Angular frequency of `spectrum` in rad/ps, ``(n_omega,)``."""
    spectrum: Floats | None = None
    """Spectral conductivity in W/m/K/THz, ``(n_omega,)``."""

    @property
    def strength(self) -> float:
        """Absolute value of the driving force in 1/angstrom."""
        return float(np.linalg.norm(self.force))

    @property
    def direction(self) -> str:
        """Axis of the driving force, or its components."""
        along = [axis for axis, part in zip(AXES, self.force, strict=True) if part]
        return along[0] if len(along) == 1 else "(" + " ".join(f"{part:g}" for part in self.force) + ")"


@dataclass(frozen=True, eq=False)
class EquilibriumRun:
    """Heat current of one run in equilibrium: its correlations, or the current itself, or both."""

    name: str
    conditions: Conditions
    volume: float
    """In cubic angstrom."""
    temperature: float
    """Target in kelvin, which the correlations are divided by."""
    duration_ps: float
    driven: frozenset[int] = frozenset()
    """Axes along which the same run was driven, whose current is not that of equilibrium."""
    time: Floats | None = None
    """Correlation times in picoseconds, ``(n_times,)``."""
    integral: Floats | None = None
    """Running integral along x, y and z in W/mK, ``(3, n_times)``."""
    current: Floats | None = None
    """``(n_samples, 3)`` in eV sqrt(eV/u)."""
    sample_ps: float = 0.0
    """Time between two samples of `current` in picoseconds."""


@dataclass(frozen=True, eq=False)
class HeatRuns:
    """All runs of some folders."""

    driven: tuple[DrivenRun, ...]
    equilibrium: tuple[EquilibriumRun, ...]
    folders: tuple[Conditions, ...]
    warnings: tuple[str, ...]


def read_heat_runs(directories: Sequence[str | Path]) -> HeatRuns:
    """Read every run with a heat current in some folders.

    A folder without run.in stands for those of its sub-folders that have one. model.xyz and the potential may lie in
    the folder or in the one above it. A simulation that is not finished is read as far as it goes, and a warning
    says so.

    Raises
    ------
    InputError
        If there is nothing to read, or a file is missing or contradicts run.in.
    """
    driven: list[DrivenRun] = []
    equilibrium: list[EquilibriumRun] = []
    warnings: list[str] = []
    folders = tuple(read_conditions(folder) for folder in find_folders(directories))
    for folder in folders:
        found, said = _driven_runs(folder)
        resting, remarks = _equilibrium_runs(folder)
        driven += found
        equilibrium += resting
        warnings += said + remarks
    if not driven and not equilibrium:
        raise InputError(
            "no run with a heat current: expected run.in with compute_hnemd and kappa.out, or with compute_hac and"
            " hac.out or heat_current.npz" + "".join(f" ({warning})" for warning in warnings),
            path=directories[0] if len(directories) == 1 else None,
        )
    return HeatRuns(tuple(driven), tuple(equilibrium), folders, tuple(warnings))


def find_folders(directories: Sequence[str | Path]) -> list[Path]:
    """Folders with a run.in: those given, or the sub-folders of those that have none, in natural order."""
    folders: list[Path] = []
    for directory in map(Path, directories):
        if not directory.is_dir():
            raise InputError("is no folder; give folders with run.in and kappa.out or hac.out", path=directory)
        if (directory / "run.in").is_file():
            folders.append(directory)
            continue
        inner = sorted((path.parent for path in directory.glob("*/run.in")), key=_natural)
        if not inner:
            raise InputError("has no run.in, nor has any of its sub-folders", path=directory)
        folders += inner
    twice = [str(folder) for folder, count in Counter(folder.resolve() for folder in folders).items() if count > 1]
    if twice:
        raise InputError("is given twice; a run may count only once", path=twice[0])
    return folders


def _natural(path: Path) -> list[tuple[int, str]]:
    return [(int(word), "") if word.isdigit() else (-1, word) for word in re.split(r"(\d+)", path.name)]


def _driven_runs(folder: Conditions) -> tuple[list[DrivenRun], list[str]]:
    scripted = [(run, drive) for run in folder.runs if (drive := _measure(run, ComputeHnemd)) is not None]
    path = folder.directory / "kappa.out"
    if not scripted or not path.is_file():
        return [], []
    table = read_kappa(path)
    lengths = [run.steps // drive.interval for run, drive in scripted]
    repeats, warnings = _repeats(len(table), sum(lengths), path)
    spectra, said = _spectra(folder, repeats)
    runs: list[DrivenRun] = []
    start = 0
    for repeat in range(repeats):
        for (run, drive), length in zip(scripted, lengths, strict=True):
            rows = table[start : start + length]
            start += length
            if len(rows):
                name = _name(folder, len(scripted) * repeats, len(runs))
                runs.append(_driven_run(folder, name, run, drive, rows, spectra.get((repeat, id(run)))))
    return runs, warnings + said


def _driven_run(
    folder: Conditions, name: str, run: Run, drive: ComputeHnemd, table: Floats, shc: Shc | None
) -> DrivenRun:
    assert run.target_temperature is not None, "read_script makes sure of it"
    values = _along_force(folder, drive, table)
    volume = folder.volume(run)
    omega, spectrum = (None, None) if shc is None else _spectrum(folder, run, drive, shc, volume)
    return DrivenRun(
        name=name,
        conditions=folder,
        rows=Rows(values, 1e-3 * drive.interval * run.time_step),
        force=drive.force,
        volume=volume,
        temperature=run.target_temperature,
        ensemble=run.ensemble.kind,
        omega=omega,
        spectrum=spectrum,
    )


def _along_force(folder: Conditions, drive: ComputeHnemd, table: Floats) -> Floats:
    """Conductivity along the driving force from rows of kappa.out, which are divided by its absolute value."""
    strength = float(np.linalg.norm(drive.force))
    if strength == 0:
        raise InputError(
            "the driving force of compute_hnemd is zero, which gives no conductivity",
            path=folder.directory / "run.in",
            line=drive.line,
        )
    components = np.stack([table[:, list(columns)].sum(axis=1) for columns in COMPONENTS], axis=1)
    values: Floats = components @ (np.array(drive.force) / strength)
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values)))
        raise InputError(
            f"row {row + 1} of this run is not finite; the simulation blew up", path=folder.directory / "kappa.out"
        )
    return values


def _spectrum(
    folder: Conditions, run: Run, drive: ComputeHnemd, shc: Shc, volume: float
) -> tuple[Floats | None, Floats | None]:
    """Frequencies and spectral conductivity, where the spectrum is along the driving force."""
    settings = _measure(run, ComputeShc)
    if settings is None or any(part for axis, part in enumerate(drive.force) if axis != settings.direction):
        return None, None
    assert run.target_temperature is not None, "read_script makes sure of it"
    current, along = shc.j_in + shc.j_out, drive.force[settings.direction]
    part = folder.fraction(settings.group)
    return shc.omega, spectral_conductivity(current, part * volume, run.target_temperature, along)


def _spectra(folder: Conditions, repeats: int) -> tuple[dict[tuple[int, int], Shc], list[str]]:
    """Blocks of shc.out by the repetition and the identity of their run."""
    scripted = [(run, settings) for run in folder.runs if (settings := _measure(run, ComputeShc)) is not None]
    path = folder.directory / "shc.out"
    if not scripted or not path.is_file():
        return {}, []
    if any(settings.group is not None and settings.group.label < 0 for _, settings in scripted):
        return {}, [f"{path}: has a spectrum of every group but the first; the conductivity of all is not in it"]
    blocks = read_shc(path)
    if len(blocks) > repeats * len(scripted):
        return {}, [f"{path}: has {len(blocks)} spectra, expected {repeats * len(scripted)}; they are left out"]
    asked = [(repeat, id(run), settings) for repeat in range(repeats) for run, settings in scripted]
    return {
        (repeat, run): block
        for (repeat, run, settings), block in zip(asked, blocks, strict=False)
        if len(block.omega) == settings.num_omega
    }, []


def _equilibrium_runs(folder: Conditions) -> tuple[list[EquilibriumRun], list[str]]:
    scripted = [(run, hac) for run in folder.runs if (hac := _measure(run, ComputeHac)) is not None]
    if not scripted:
        return [], []
    path = folder.directory / "hac.out"
    blocks: list[Hac | None] = list(read_hac(path)) if path.is_file() else []
    repeats, remarks = _repeats(len(blocks), len(scripted), path)
    count = repeats * len(scripted)
    runs = []
    for index in range(count):
        run, settings = scripted[index % len(scripted)]
        block = blocks[index] if index < len(blocks) else None
        rows = settings.correlation_steps // settings.output
        if block is not None and len(block.time) < rows:
            remarks.append(f"{path}: has {len(block.time)} rows of run {index + 1}, expected {rows}; they are left out")
            block = None
        name = _name(folder, count, index)
        # heat_current.npz is of the last run that wrote it
        found = _equilibrium_run(folder, name, run, block, last=index == max(len(blocks), 1) - 1)
        runs += [found] if found is not None else []
    return runs, remarks


def _equilibrium_run(
    folder: Conditions, name: str, run: Run, block: Hac | None, *, last: bool
) -> EquilibriumRun | None:
    assert run.target_temperature is not None, "read_script makes sure of it"
    path = folder.directory / "heat_current.npz"
    raw = _read_current(path) if last and path.is_file() else None
    if block is None and raw is None:
        return None
    return EquilibriumRun(
        name=name,
        conditions=folder,
        volume=raw[2] if raw is not None else folder.volume(run),
        temperature=run.target_temperature,
        duration_ps=1e-3 * run.steps * run.time_step,
        driven=_driven_axes(run),
        time=None if block is None else block.time,
        integral=None if block is None else np.stack([block.rtc[:, list(c)].sum(axis=1) for c in COMPONENTS]),
        current=None if raw is None else raw[0],
        sample_ps=0.0 if raw is None else raw[1],
    )


def _driven_axes(run: Run) -> frozenset[int]:
    drive = _measure(run, ComputeHnemd)
    return frozenset() if drive is None else frozenset(axis for axis, part in enumerate(drive.force) if part)


def _read_current(path: Path) -> tuple[Floats, float, float]:
    """Heat current ``(n, 3)``, time between samples in picoseconds and volume in cubic angstrom."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            current = np.asarray(archive["current"], dtype=np.float64)
            sample, volume = float(archive["dt_ps"]), float(archive["volume"])
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"is not a heat current as `neptuner md` writes it ({error})", path=path) from None
    if current.ndim != 2 or current.shape[1] != 3 or not np.isfinite(current).all() or not sample > 0 or not volume > 0:
        raise InputError("is not a finite heat current of three components with its interval and volume", path=path)
    return current, sample, volume


def _repeats(found: int, expected: int, path: Path) -> tuple[int, list[str]]:
    """How often run.in was carried out, and a remark if not just once; GPUMD appends to its files."""
    if 0 < found < expected:
        return 1, [
            f"{path}: has {found} rows or blocks of {expected} that run.in asks for; the simulation is not finished"
        ]
    if found in (0, expected) or expected == 0:
        return 1, []
    if found % expected:
        raise InputError(
            f"has {found} rows or blocks, but run.in asks for {expected}: it holds more than one simulation, one of"
            " them not complete; keep each in a folder of its own",
            path=path,
        )
    times = found // expected
    return times, [f"{path}: holds {times} simulations one after the other; they are taken for independent runs"]


def _name(folder: Conditions, count: int, index: int) -> str:
    return str(folder.directory) if count == 1 else f"{folder.directory} ({index + 1})"


def _measure(run: Run, kind: type[M]) -> M | None:
    return next((measure for measure in run.measures if isinstance(measure, kind)), None)
