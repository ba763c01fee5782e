"""Stands in for the trainer: reads nep.in, writes the files of a training directory, and fails on request.

What it does is told by the variable NEPTUNER_FAKE, a JSON object of lines of nep.in: ``gains`` maps a line to what it
takes off the loss; ``noise`` is the most that luck adds or takes off; the lists ``fail``, ``kill``, ``nan``, ``silent``
and ``hang`` name lines that make a run end with exit code 2, kill itself, diverge, write no train.json, or wait for
ever after its first rows.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import zlib
from pathlib import Path

BASE = {"energy": 0.02, "force": 0.2, "virial": 0.05}


def train(folder: Path, steps: int, seed: int, wish: dict) -> tuple[int, str]:
    """Train in no time; exit code and last line."""
    lines = [" ".join(line.split()) for line in (folder / "nep.in").read_text().splitlines()]
    lines += [f"seed {seed}", f"steps {steps}"]
    steps = wish.get("steps", steps)

    def wanted(what: str) -> bool:
        return any(line in wish.get(what, ()) for line in lines)

    if wanted("fail"):
        return 1, "nep.in: this cannot be trained"
    gain = sum(wish.get("gains", {}).get(line, 0.0) for line in lines)
    gain += wish.get("noise", 0.0) * (zlib.crc32("\n".join(lines).encode()) / 2**31 - 1.0)
    interval = int(next(line.split()[1] for line in lines if line.startswith("output_interval")))
    write_curves(folder, steps, interval, seed, gain, wish, nan=wanted("nan"))
    while wanted("hang"):
        time.sleep(0.01)
    if wanted("kill"):
        return -signal.SIGKILL, "in the middle"
    if not wanted("silent"):
        write_summary(folder, steps, seed, gain, wish, nan=wanted("nan"))
    return 0, "done"


def losses(step: int, seed: int, gain: float, wish: dict[str, object]) -> list[float]:
    """Energy, force and virial loss: falling with the steps, a little different for each seed."""
    factor = 1.0 - gain + 0.01 * seed + 10.0 / step
    virial = 0.0 if wish.get("no_virial") else BASE["virial"]
    return [BASE["energy"] * factor, BASE["force"] * factor, virial * factor]


def write_curves(folder: Path, steps: int, interval: int, seed: int, gain: float, wish: dict, *, nan: bool) -> None:
    has_test = (folder / "test.xyz").exists()
    with (folder / "loss.out").open("w") as loss, (folder / "validation.out").open("w") as validation:
        validation.write("# step energy(eV/atom) force(eV/A) virial(eV/atom)\n")
        for step in range(interval, steps + 1, interval):
            train = losses(step, seed, gain, wish)
            if nan:
                train[1] = float("nan")
            test = [1.2 * x for x in train] if has_test else [0.0] * 3
            loss.write(" ".join([str(step), *(f"{x:.5f}" for x in (1.0, 0.0, 0.0, *train, *test))]) + "\n")
            validation.write(" ".join([str(step), *(f"{1.1 * x:.6f}" for x in train)]) + "\n")


def write_summary(folder: Path, steps: int, seed: int, gain: float, wish: dict, *, nan: bool) -> None:
    energy, force, virial = losses(steps, seed, gain, wish)
    rmse = {"rmse_energy": energy, "rmse_force": float("nan") if nan else force, "rmse_virial": virial or None}
    summary = {
        "schema": 1,
        "neptuner": "0.1.0",
        "optimizer": "soap",
        "steps": steps,
        "best_step": steps,
        "seconds": 0.01 * steps,
        "ms_per_step": 10.0,
        "frames_per_s": 100.0,
        "seed": seed,
        "threads": 1,
        "parameters": 321,
        "train": {"frames": 18, "atoms": 54, **rmse},
        "validation": {"frames": 2, "atoms": 6, **rmse},
        "test": {"frames": 4, "atoms": 12, **rmse} if (folder / "test.xyz").exists() else None,
    }
    (folder / "nep.txt").write_text(f"fake with a gain of {gain:g}, seed {seed}, {steps} steps\n")
    temporary = folder / "train.json.tmp"
    temporary.write_text(json.dumps(summary))
    temporary.replace(folder / "train.json")


if __name__ == "__main__":
    print(f"fake training with OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS')}")
    _, folder, _, steps, _, seed = sys.argv
    code, line = train(Path(folder), int(steps), int(seed), json.loads(os.environ.get("NEPTUNER_FAKE", "{}")))
    if code < 0:
        os.kill(os.getpid(), -code)
    sys.exit(line if code else 0)
