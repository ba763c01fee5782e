"""Runs studies with a joint search in this process: fake trainings, and speeds that depend on the shape alone."""

from __future__ import annotations

import json
from pathlib import Path

from drive import InlineLauncher

from neptuner.launch.base import Finished, Handle, Job

SPACE = """
[search]
trials = 12
seed = 3

[search.space]
n_max = { low = [2, 2], high = [8, 8], step = 2 }
neuron = [10, 20, 40]
lambda_f = { low = 0.1, high = 10, log = true }
"""
GOOD = {"n_max 6 6": 0.2, "n_max 6 4": 0.15, "n_max 4 6": 0.12, "neuron 40": 0.1, "neuron 20": 0.04, "n_max 2 4": 0.05}


class Killed(BaseException):
    """What ends a session as a signal that cannot be caught would."""


def fake_speed_command(nep: Path, structure: Path, output: Path, threads: int) -> list[str]:
    return ["measure", str(nep), str(structure), str(output), str(threads)]


class SearchLauncher(InlineLauncher):
    """Also measures; counts what it runs, and dies before a training of one's choice."""

    def __init__(self, jobs: int, *, die_before: int | None = None, broken: tuple[str, ...] = ()) -> None:
        super().__init__(jobs)
        self.trainings = 0
        self.measured: list[str] = []
        self._die_before, self._broken = die_before, broken

    def submit(self, job: Job) -> Handle:
        if job.name.startswith("speed/"):
            return self._measure(job)
        self.trainings += 1
        if self.trainings == self._die_before:
            raise Killed
        return super().submit(job)

    def _measure(self, job: Job) -> Handle:
        _, nep, structure, output, _ = job.command
        assert Path(nep).exists() and Path(structure).exists()
        self.measured.append(job.name)
        lines = [" ".join(line.split()) for line in (Path(nep).parent / "nep.in").read_text().splitlines()]
        if any(line in self._broken for line in lines):
            self._ended.append(Finished(job, 2, "the run is out of control"))
            return Handle(job)
        Path(output).write_text(json.dumps({"atom_steps_per_s": speed_of(lines)}))
        self._ended.append(Finished(job, 0, "done"))
        return Handle(job)


def speed_of(lines: list[str]) -> float:
    """Fewer functions and neurons are faster."""
    words = {line.split()[0]: [float(w) for w in line.split()[1:]] for line in lines if not line.startswith("type")}
    return 1e6 / (sum(words["n_max"]) * (1 + words["neuron"][0] / 20))
