from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from neptuner.errors import InputError
from neptuner.launch.command import CommandScheduler
from neptuner.launch.local import LocalLauncher
from neptuner.study.launch_spec import KEYS, LauncherTable, LaunchSpec, make_launch_spec, make_launcher

TOML = Path("study.toml")


def spec(**keys: Any) -> LaunchSpec:
    return make_launch_spec(LauncherTable.model_validate(keys), TOML)


def test_nothing_said_is_local(tmp_path: Path) -> None:
    assert spec() == LaunchSpec()
    launcher = make_launcher(spec(), 3, tmp_path)
    assert isinstance(launcher, LocalLauncher) and launcher.free == 3


def test_every_key_belongs_to_a_kind_and_says_what_is_expected() -> None:
    assert set().union(*KEYS.values()) == set(LauncherTable.model_fields) == set(LaunchSpec.__dataclass_fields__)
    assert all(field.description for field in LauncherTable.model_fields.values())


def test_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("submitit", reason="submitit is not installed")
    from neptuner.launch.slurm import SlurmLauncher, SlurmOptions

    (tmp_path / "srun").write_text("#!/bin/sh\n")
    (tmp_path / "srun").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = spec(kind="slurm", time_limit_minutes=90, partition="long", setup=["module load x"],
                 extra={"qos": "high", "nice": 5, "exclusive": True}, memory_gb=2, requeues=3)  # fmt: skip
    launcher = make_launcher(found, 7, tmp_path / "study", threads=4)
    assert isinstance(launcher, SlurmLauncher) and launcher.free == 7
    assert launcher._scheduler._options == SlurmOptions(  # type: ignore[attr-defined]
        90, "long", cpus=4, memory_gb=2, setup=("module load x",), requeues=3,
        extra={"qos": "high", "nice": 5, "exclusive": True},
    )  # fmt: skip
    assert not (tmp_path / "study").exists()


def test_command(tmp_path: Path) -> None:
    launcher = make_launcher(spec(kind="command", submit="true {script}", status="true {id}", retries=5), 2, tmp_path)
    assert isinstance(launcher._scheduler, CommandScheduler)  # type: ignore[attr-defined]
    assert (launcher.free, launcher._retries) == (2, 5)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"partition": "x"}, 'launcher.partition is for kind = "slurm", and kind is "local"'),
        ({"kind": "slurm", "submit": "x"}, 'launcher.submit is for kind = "command", and kind is "slurm"'),
        ({"retries": 1}, 'launcher.retries is for kind = "slurm" or "command", and kind is "local"'),
        ({"kind": "slurm"}, "launcher.time_limit_minutes is missing"),
        ({"kind": "command"}, 'launcher.submit is missing for kind = "command"; expected a command, such as "qsub'),
        ({"kind": "slurm", "time_limit_minutes": 5, "extra": {"qos": 1.5}}, "launcher.extra.qos is 1.5; expected text"),
        ({"kind": "slurm", "time_limit_minutes": 5, "extra": {"x": False}}, "launcher.extra.x is false"),
        ({"kind": "slurm", "time_limit_minutes": 5, "setup": ["a\nb"]}, "launcher.setup has a line break"),
    ],
)
def test_what_does_not_fit_is_told(keys: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        spec(**keys)
    assert str(caught.value).startswith(f"study.toml: {sentence}")


@pytest.mark.parametrize(
    "keys", [{"kind": "pbs"}, {"jobs": 0}, {"retries": -1}, {"setup": "x"}, {"memory_gb": 0.0}, {"gpu": 1}]
)
def test_wrong_values(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LauncherTable.model_validate(keys)
