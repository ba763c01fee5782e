"""How fast the models of a search are in molecular dynamics: short jobs of their own, one for each shape of a model."""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from neptuner.engines.speed import replicated
from neptuner.files.atomic import write_text
from neptuner.files.extxyz import write_frames
from neptuner.files.frames import Frame
from neptuner.launch.base import Finished, Job, Launcher
from neptuner.study.md.structure import Crystal
from neptuner.study.plan import Configuration
from neptuner.study.progress import Observer
from neptuner.study.store import read_json

SpeedCommand = Callable[[Path, Path, Path, int], Sequence[str]]
"""Makes the command that measures a nep.txt with a structure, writes a JSON file, on so many threads."""

NOTE = "measurement.json"
FOLDER = "speed"
ATOMS = 256
"""The structure is repeated until it has so many."""
SHAPE = ("type", "version", "cutoff", "n_max", "basis_size", "l_max", "neuron")
"""Keywords of nep.in that the speed of a model depends on."""


def speed_command(nep: Path, structure: Path, output: Path, threads: int) -> list[str]:
    """Command that measures as ``neptuner speed`` does."""
    words = [sys.executable, "-m", "neptuner.study.search.measure_speed", nep, structure, output, threads]
    return [str(word) for word in words]


class SpeedControl:
    """Measures the speed of models in one session of work on a study.

    Parameters
    ----------
    folder
        Study directory; jobs have their directories in ``speed/``.
    crystal
        Structure to measure with.
    launcher, observer
        Where jobs are started and told.
    command
        Makes the command of a measurement.
    threads
        Of a measurement.
    environment
        Variables of a job.
    """

    def __init__(
        self,
        folder: Path,
        crystal: Crystal,
        launcher: Launcher,
        observer: Observer,
        command: SpeedCommand,
        threads: int,
        environment: Mapping[str, str],
    ) -> None:
        self._folder, self._frame = folder / FOLDER, repeated(crystal)
        self._identity = [_digest(repr(self._frame.positions.tolist())), threads]
        self._launcher, self._observer, self._command = launcher, observer, command
        self._threads, self._environment = threads, environment
        self._measured: dict[str, float | str] = {}
        self._pending: dict[str, Path] = {}
        self._running: set[str] = set()
        self._adopted: set[str] = set()
        self._warm = False

    @property
    def open(self) -> int:
        """Measurements that are still to come."""
        return len(self._pending) + len(self._running)

    @property
    def running(self) -> int:
        """Jobs in progress."""
        return len(self._running)

    def of(self, configuration: Configuration) -> float | str | None:
        """Speed in atom-steps per second, the sentence that says why there is none, or None while it is to come."""
        return self._measured.get(self._key(configuration))

    def request(self, configuration: Configuration, nep: Path) -> None:
        """Have a model measured, unless one of its shape is or was."""
        key = self._key(configuration)
        if key in self._measured or key in self._pending or key in self._running:
            return
        if key in self._adopted:
            self._adopted.discard(key)
            self._running.add(key)
            return
        known = self._read(key)
        if known is None:
            self._pending[key] = nep
        else:
            self._measured[key] = known

    def fill(self) -> bool:
        """Start what may be started; the first one stays alone, since it compiles what the others need."""
        begun = False
        while self._pending and self._launcher.free > 0 and (self._warm or not self._running):
            key, nep = next(iter(self._pending.items()))
            del self._pending[key]
            self._begin(key, nep)
            begun = True
        return begun

    def owns(self, name: str) -> bool:
        """Whether a job is one of these."""
        return name.startswith(f"{FOLDER}/")

    def adopt(self, names: Collection[str]) -> None:
        """Take over jobs of an earlier session that go on."""
        self._adopted = {name.removeprefix(f"{FOLDER}/") for name in names}

    def unfinished_jobs(self) -> list[Job]:
        """Jobs of an earlier session that left nothing; they may still run."""
        folders = sorted(self._folder.iterdir()) if self._folder.is_dir() else []
        notes = {folder: read_json(folder / NOTE) for folder in folders if not (folder / "speed.json").exists()}
        return [_job(folder, note["command"], {}) for folder, note in notes.items() if note and "command" in note]

    def end(self, finished: Finished) -> None:
        """Take up what a measurement gave."""
        key = finished.job.name.removeprefix(f"{FOLDER}/")
        self._warm = True
        self._running.discard(key)
        self._adopted.discard(key)
        speed = self._read(key)
        self._measured[key] = speed if speed is not None else f"the speed cannot be measured: {finished.reason}"
        if speed is None:
            self._observer.log(f"failed {finished.job.name}: {finished.reason}")

    def stop(self, finished: Finished) -> None:
        """Take up a measurement that was ended before its time; the next session makes it anew."""
        key = finished.job.name.removeprefix(f"{FOLDER}/")
        self._running.discard(key)
        speed = self._read(key)
        if speed is not None:
            self._measured[key] = speed

    def _begin(self, key: str, nep: Path) -> None:
        folder = self._folder / key
        folder.mkdir(parents=True, exist_ok=True)
        command = list(self._command(nep, self._structure(), folder / "speed.json", self._threads))
        write_text(folder / NOTE, json.dumps({"command": command}) + "\n")
        try:
            self._launcher.submit(_job(folder, command, self._environment))
        except OSError as error:
            self._measured[key] = f"the speed cannot be measured: {error}"
            return
        self._running.add(key)

    def _key(self, configuration: Configuration) -> str:
        """Name of what decides the speed of a model: its shape, the structure and the threads."""
        settings = configuration.settings
        return _digest(json.dumps([*self._identity, {k: settings[k] for k in SHAPE if k in settings}]))

    def _structure(self) -> Path:
        """File with the structure, written once."""
        path = self._folder / f"model-{self._identity[0]}.xyz"
        if not path.exists():
            write_frames(path, [self._frame])
        return path

    def _read(self, key: str) -> float | None:
        speed = (read_json(self._folder / key / "speed.json") or {}).get("atom_steps_per_s")
        return float(speed) if isinstance(speed, int | float) and math.isfinite(speed) and speed > 0 else None


def repeated(crystal: Crystal) -> Frame:
    """The structure, repeated along its shortest periodic edges until it is large enough."""
    structure = crystal.structure
    frame = Frame(structure.species, structure.positions, structure.cell, structure.pbc, path=crystal.path)
    copies = [1, 1, 1]
    edges = np.linalg.norm(structure.cell, axis=1)
    while any(structure.pbc) and frame.n_atoms * math.prod(copies) < ATOMS:
        lengths = np.where(structure.pbc, edges * copies, np.inf)
        copies[int(np.argmin(lengths))] += 1
    return replicated(frame, (copies[0], copies[1], copies[2]))


def _job(folder: Path, command: Sequence[str], environment: Mapping[str, str]) -> Job:
    return Job(f"{FOLDER}/{folder.name}", tuple(command), folder / "log.txt", environment)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:10]
