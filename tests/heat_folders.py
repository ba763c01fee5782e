"""Folders as molecular dynamics leaves them, with heat currents of a known conductivity."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.signal import lfilter

from models import random_model
from neptuner.files.hac_out import Hac, format_hac
from neptuner.files.kappa_out import format_kappa_row
from neptuner.files.shc_out import Shc, format_shc
from neptuner.files.structure import Structure, write_structure
from neptuner.files.thermo_out import format_thermo_row
from neptuner.units import BOLTZMANN, FEMTOSECONDS_PER_UNIT, KAPPA_UNIT

TEMPERATURE, VOLUME, DECAY, SAMPLE_FS = 300.0, 12.0**3, 0.8, 10.0
INTEGRAL = 0.5 * (1 + DECAY) / (1 - DECAY) * SAMPLE_FS / FEMTOSECONDS_PER_UNIT
KAPPA = 1.0
"""Conductivity in W/mK of every heat current made here."""
AMPLITUDE = np.sqrt(KAPPA * BOLTZMANN * TEMPERATURE**2 * VOLUME / (KAPPA_UNIT * INTEGRAL))
"""Standard deviation of the heat current in eV sqrt(eV/u)."""

DRIVEN = """\
potential nep.txt
velocity 300 seed 1
time_step 1
ensemble nvt_nhc 300 300 100
dump_thermo 100
run 1000
ensemble {ensemble}
dump_thermo 100
compute_hnemd 200 {force}
{shc}
run {steps}
"""
EQUILIBRIUM = """\
potential nep.txt
time_step 1
ensemble nvt_nhc 300 300 100
run 1000
ensemble nve
compute_hac 10 200 1
run {steps}
"""


def crystal(folder: Path, *, box: float = 12.0, elements: tuple[str, str] = ("Mg", "O")) -> None:
    """Write model.xyz, whose second half is a group of its own, and nep.txt with a cutoff of 5 angstrom."""
    folder.mkdir(parents=True, exist_ok=True)
    species = np.array([elements[0], elements[1]] * 4)
    rng = np.random.default_rng(0)
    groups = np.repeat([[0, 1]], 4, axis=1).reshape(1, 8)
    structure = Structure(
        species, rng.uniform(0, box, (8, 3)), box * np.eye(3), (True,) * 3, np.ones(8), None, groups, None
    )
    write_structure(folder / "model.xyz", structure)
    random_model().write(folder / "nep.txt")


def heat_current(rng: np.random.Generator, n: int, n_series: int = 3) -> np.ndarray:
    """Samples ``(n, n_series)`` every 10 fs in eV sqrt(eV/u)."""
    noise = np.sqrt(1 - DECAY**2) * rng.normal(size=(n, n_series))
    noise[0] /= np.sqrt(1 - DECAY**2)
    return AMPLITUDE * lfilter([1.0], [1.0, -DECAY], noise, axis=0)


def driven_folder(
    folder: Path,
    seed: int,
    *,
    force: tuple[float, float, float] = (0.0, 4e-3, 0.0),
    steps: int = 100_000,
    kappa: float = KAPPA,
    ensemble: str = "nvt_nhc 300 300 100",
    shc: str = "compute_shc 2 100 1 500 400",
    rows: int | None = None,
    temperature: float = TEMPERATURE,
    drift: float = 0.0,
) -> Path:
    """Write a run under a driving force; `rows` of kappa.out if it was killed."""
    folder.mkdir(parents=True, exist_ok=True)
    words = " ".join(map(str, force))
    script = DRIVEN.format(force=words, ensemble=ensemble, shc=shc, steps=steps).replace("300", f"{temperature:g}")
    (folder / "run.in").write_text(script)
    rng, strength = np.random.default_rng(seed), float(np.linalg.norm(force))
    unit = KAPPA_UNIT / (VOLUME * TEMPERATURE * strength)
    current = unit * heat_current(rng, steps // 10).reshape(-1, 20, 3).mean(axis=1)
    current += kappa * np.array(force) / strength + drift * np.exp(-np.arange(len(current)) / 10)[:, None]
    table = current[:rows, [0, 0, 1, 1, 2]] * [0.7, 0.3, 0.6, 0.4, 1.0]
    lines = [format_kappa_row(row) for row in table.tolist()]
    (folder / "kappa.out").write_text("".join(lines))
    thermo = rng.normal(temperature, 5.0, 10 + steps // 100)
    cell = VOLUME ** (1 / 3) * np.eye(3)
    (folder / "thermo.out").write_text("".join(format_thermo_row(t, 1.0, -9.0, np.zeros(6), cell) for t in thermo))
    if shc:
        write_shc(folder / "shc.out", kappa, force[1])
    return folder


def write_shc(path: Path, kappa: float, fe: float, part: float = 1.0) -> None:
    """Write a spectrum that integrates to a conductivity of `part` of the volume."""
    time = 2e-3 * np.arange(-99, 100)
    omega = 0.8 * np.arange(1, 501)
    shape = np.exp(-omega / 40)
    shape *= kappa / (np.trapezoid(shape, omega) + 0.8 * shape[0]) * 2 * np.pi
    current = shape * part * VOLUME * TEMPERATURE * fe / 1602.177
    with path.open("a") as file:
        file.write(format_shc(Shc(time, 0 * time, 0 * time, omega, 0.6 * current, 0.4 * current)))


def equilibrium_folder(folder: Path, seed: int, *, steps: int = 100_000, hac: bool = True, raw: bool = True) -> Path:
    """Write a run in equilibrium: hac.out, heat_current.npz, or both."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.in").write_text(EQUILIBRIUM.format(steps=steps))
    current = heat_current(np.random.default_rng(seed), steps // 10)
    if hac:
        (folder / "hac.out").write_text(format_hac(correlate(current)))
    if raw:
        content = {"current": current, "dt_ps": 0.01, "volume": VOLUME, "temperature": TEMPERATURE}
        np.savez(folder / "heat_current.npz", **content)
    return folder


def correlate(current: np.ndarray, lags: int = 200) -> Hac:
    """Autocorrelation of x, y and z and what it integrates to, all of x and y in their second columns."""
    n = len(current)
    power = np.abs(np.fft.rfft(current, 2 * n, axis=0)) ** 2
    correlation = np.fft.irfft(power, 2 * n, axis=0)[:lags] / (n - np.arange(lags))[:, None]
    integral = np.zeros_like(correlation)
    integral[1:] = np.cumsum(0.5 * (correlation[1:] + correlation[:-1]), axis=0) * SAMPLE_FS / FEMTOSECONDS_PER_UNIT
    integral *= KAPPA_UNIT / (BOLTZMANN * TEMPERATURE**2 * VOLUME)
    columns = [np.insert(part, [0, 1], 0.0, axis=1) for part in (correlation, integral)]
    return Hac(0.01 * np.arange(lags) + 0.005, *columns)
