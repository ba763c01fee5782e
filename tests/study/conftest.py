from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from neptuner.launch.local import LocalLauncher
from neptuner.study.md.store import MdStore
from neptuner.study.run import run_study
from neptuner.study.spec import read_spec
from neptuner.study.store import Store, open_store

NEP_IN = "type 2 Mg O\ncutoff 6 4\nn_max 4 4\nbasis_size 8 8\nneuron 10\noutput_interval 10\n"
STUDY = """\
[study]
train = "train.xyz"
test = "test.xyz"
baseline = "nep.in"
replicates = 2
metric = "force"
strategy = "avg"
last_rows = 3
steps = 100

[sweep]
n_max = [[2, 4], [4, 4]]
batch = [3, 7]

[final]
steps_factor = 2
"""


def frame(index: int, *, species: str = "Mg O") -> str:
    """A frame of two or four atoms with all labels."""
    symbols = species.split() * (1 + index % 2)
    atoms = "".join(f"{s} {0.1 * index:.3f} 0.0 {1.0 + i} 0.1 -0.2 0.{index % 10}\n" for i, s in enumerate(symbols))
    return (
        f'{len(symbols)}\nLattice="5 0 0 0 5 0 0 0 5" energy=-{10 + index}.5 virial="1 0.1 0.2 0.1 2 0.3 0.2 0.3 3" '
        f"Properties=species:S:1:pos:R:3:forces:R:3\n{atoms}"
    )


@dataclass
class Project:
    """A folder with everything a study needs, and the study in it."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    lines: list[str] = field(default_factory=list)
    """What the study logged."""
    phases: list[str] = field(default_factory=list)
    controllers: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.write("nep.in", NEP_IN)
        self.write("train.xyz", "".join(frame(i) for i in range(20)))
        self.write("test.xyz", "".join(frame(i) for i in range(20, 24)))
        self.write("study.toml", STUDY)

    @property
    def toml(self) -> Path:
        return self.folder / "study.toml"

    @property
    def out(self) -> Path:
        return self.folder / "study"

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def edit(self, old: str, new: str, name: str = "study.toml") -> None:
        text = (self.folder / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new))

    def fake(self, **wishes: Any) -> None:
        """Tell the fake trainer what to do."""
        self.monkeypatch.setenv("NEPTUNER_FAKE", json.dumps(wishes))

    def log(self, line: str) -> None:
        self.lines.append(line)

    def tick(self, snapshot: Any) -> None:
        self.snapshot = snapshot()

    def run(self, jobs: int = 2, *, out: Path | None = None, **options: Any) -> dict[str, Any]:
        """Run the study; the trainings happen in this process."""
        from drive import InlineLauncher, fake_command, fake_md_command

        watch = {"observer": self, "on_phase": self.phases.append}
        commands = {"command": fake_command, "dynamics": fake_md_command}
        options = {**commands, "launcher": InlineLauncher(jobs)} | watch | options
        return run_study(read_spec(self.toml), out or self.out, **options)

    def start(self, jobs: int = 2) -> subprocess.Popen[str]:
        """The same in a process of its own."""
        script = str(Path(__file__).with_name("drive.py"))
        command = [sys.executable, script, str(self.toml), str(self.out), str(jobs)]
        self.controllers.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        return self.controllers[-1]

    def end(self) -> None:
        """Leave no process behind, also where a test failed."""
        for controller in self.controllers:
            controller.terminate()  # it ends its trainers
            controller.communicate(timeout=60)
        if self.out.is_dir():
            with open_store(self.out) as store:
                LocalLauncher(1).adopt([*store.unfinished_jobs(), *MdStore(store).unfinished_jobs()])

    def results(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.out / "results.json").read_text())
        return content

    def events(self, kind: str) -> list[str]:
        """Names of the runs in the journal's events of a kind."""
        return [event["id"] for event in Store(self.out).journal.read() if event["event"] == kind]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setattr("neptuner.study.controller.POLL_SECONDS", 0.005)
    monkeypatch.setattr("os.fsync", lambda descriptor: None)  # a journal on a busy disk takes its time
    monkeypatch.delenv("NEPTUNER_FAKE", raising=False)
    made = Project(tmp_path, monkeypatch)
    yield made
    made.end()
