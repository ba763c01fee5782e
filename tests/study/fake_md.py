"""Stands in for ``neptuner md``: reads run.in, writes the files of a finished run, and fails on request.

The conductivity is 2 W/mK plus the gain that the fake trainer wrote into nep.txt. What else it does is told by the
variable NEPTUNER_FAKE, a JSON object: ``md`` maps ``fail``, ``explode``, ``drift``, ``hot``, ``hang``, ``silent`` or
``short`` to words; a run whose directory or potential has one of them ends with exit code 2, blows up, and so on.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

from neptuner.files.kappa_out import format_kappa_row
from neptuner.files.run_in import read_script
from neptuner.files.script import ComputeHnemd, ComputeShc, DumpThermo, Run
from neptuner.files.shc_out import Shc, format_shc
from neptuner.files.structure import read_structure, replicate
from neptuner.files.thermo_out import format_thermo_row
from neptuner.units import BOLTZMANN


def run_md(folder: Path, wish: dict) -> tuple[int, str]:
    """Run in no time; exit code and last line."""
    potential = (folder / "nep.txt").read_text()

    def wanted(what: str) -> bool:
        return any(word in folder.name or word in potential for word in wish.get("md", {}).get(what, ()))

    if wanted("fail"):
        return 2, "run.in, line 3: this cannot be run"
    script = read_script(folder / "run.in")
    structure = replicate(read_structure(folder / "model.xyz"), script.replicate)
    seed = next(action.seed for action in script.actions if hasattr(action, "seed"))
    gain = float(potential.split("gain of ")[1].split(",")[0])
    rng = np.random.default_rng(seed)
    (folder / "thermo.out").write_text("")
    for run in (action for action in script.actions if isinstance(action, Run)):
        with (folder / "thermo.out").open("a") as file:
            for line in thermo_rows(run, structure.cell, structure.n_atoms, drift=wanted("drift"), hot=wanted("hot")):
                file.write(line)
        while wanted("hang"):
            time.sleep(0.01)
        write_transport(folder, run, 2 + gain, rng, abs(np.linalg.det(structure.cell)))
    if wanted("short"):
        (folder / "kappa.out").write_text("")
    if wanted("silent"):
        return 0, "nothing more"
    return end(folder, script, structure.n_atoms, exploded=wanted("explode"))


def end(folder: Path, script, n_atoms: int, *, exploded: bool) -> tuple[int, str]:
    sentence = "the temperature is above 100000 K"
    summary = {
        "schema": 1,
        "finished": not exploded,
        "exploded": {"step": 7, "atom": 3, "sentence": sentence} if exploded else None,
        "seconds": 2.0,
        "ns_per_day": 1.5,
        "atoms": n_atoms,
        "steps": sum(action.steps for action in script.actions if isinstance(action, Run)),
        "warnings": [],
    }
    (folder / "md.json").write_text(json.dumps(summary))
    return (1, sentence) if exploded else (0, json.dumps(summary))


def thermo_rows(run: Run, cell: np.ndarray, n_atoms: int, *, drift: bool, hot: bool) -> list[str]:
    interval = next(m.interval for m in run.measures if isinstance(m, DumpThermo))
    rows = []
    for row in range(1, run.steps // interval + 1):
        temperature = 3 * run.target_temperature if hot else run.target_temperature
        kinetic = 1.5 * n_atoms * BOLTZMANN * temperature
        potential = -3.0 * n_atoms + (1e-3 * n_atoms * 1e-3 * row * interval * run.time_step if drift else 0.0)
        rows.append(format_thermo_row(temperature, kinetic, potential - kinetic, [0.0] * 6, cell))
    return rows


def write_transport(folder: Path, run: Run, kappa: float, rng: np.random.Generator, volume: float) -> None:
    drive = next((m for m in run.measures if isinstance(m, ComputeHnemd)), None)
    if drive is None:
        return
    direction = int(np.argmax(np.abs(drive.force)))
    fe = drive.force[direction]
    values = np.zeros((run.steps // drive.interval, 5))
    values[:, (0, 2, 4)[direction]] = np.sign(fe) * (kappa + 0.2 * rng.standard_normal(len(values)))
    (folder / "kappa.out").write_text("".join(format_kappa_row(row) for row in values))
    shc = next((m for m in run.measures if isinstance(m, ComputeShc)), None)
    if shc is None:
        return
    lags = 1e-3 * shc.sample * run.time_step * np.arange(1 - shc.correlation_steps, shc.correlation_steps)
    omega = shc.max_omega / shc.num_omega * np.arange(1, shc.num_omega + 1)
    current = np.exp(-omega / 50)
    current *= kappa * volume * run.target_temperature * fe / 1602.177 / (50 / (2 * np.pi))
    nothing = np.zeros_like
    blocks = Shc(lags, np.exp(-np.abs(lags)), nothing(lags), omega, current, nothing(omega))
    (folder / "shc.out").write_text(format_shc(blocks))


if __name__ == "__main__":
    print(f"fake dynamics with OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS')}")
    code, line = run_md(Path(sys.argv[1]), json.loads(os.environ.get("NEPTUNER_FAKE", "{}")))
    sys.exit(line if code == 1 else code)
