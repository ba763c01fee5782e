"""The table ``[launcher]`` of ``study.toml``: where the runs of a study are started."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from neptuner.errors import InputError
from neptuner.launch.base import Launcher

Kind = Literal["local", "slurm", "command"]


@dataclass(frozen=True)
class LaunchSpec:
    """How runs are started, as the file says; None: not given."""

    kind: Kind = "local"
    jobs: int | None = None
    """Runs at a time, those that wait in a queue included; None: as ``study.jobs`` says."""
    retries: int = 2
    """How often a run is submitted again that was lost or killed from outside."""
    setup: tuple[str, ...] = ()
    """Lines of shell before each command; they run as they are."""
    partition: str | None = None
    account: str | None = None
    gpus: int | None = None
    cpus: int | None = None
    """Processors of a job; None: the threads of a run."""
    memory_gb: float | None = None
    time_limit_minutes: int | None = None
    """Of a job; a run that needs longer goes on in the next one."""
    requeues: int = 20
    """How often that may happen to a run."""
    max_array: int = 500
    """Most jobs in one array."""
    parallelism: int | None = None
    """Most jobs of an array that run at a time."""
    extra: tuple[tuple[str, str | int | bool], ...] = ()
    """Further options of sbatch."""
    submit: str | None = None
    """Command of another scheduler that submits ``{script}``."""
    cancel: str | None = None
    """Command that ends the job ``{id}``."""
    status: str | None = None
    """Command that fails if the job ``{id}`` is over."""
    id: str | None = None
    """Regular expression for the number in what ``submit`` prints."""


KEYS: dict[Kind, set[str]] = {
    "local": {"kind", "jobs"},
    "slurm": {
        "kind", "jobs", "retries", "setup", "partition", "account", "gpus", "cpus", "memory_gb", "time_limit_minutes",
        "requeues", "max_array", "parallelism", "extra",
    },
    "command": {"kind", "jobs", "retries", "setup", "submit", "cancel", "status", "id"},
}  # fmt: skip


class LauncherTable(BaseModel):
    """``[launcher]`` as TOML gives it; a description is what an error message says was expected."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    kind: Kind = Field("local", description='"local", "slurm" or "command"')
    jobs: int | None = Field(None, ge=1, description="a whole number of at least 1")
    retries: int = Field(2, ge=0, description="a whole number of at least 0")
    setup: list[str] = Field(default_factory=list, description='a list of lines, such as ["module load cuda"]')
    partition: str | None = Field(None, min_length=1, description="the name of a partition")
    account: str | None = Field(None, min_length=1, description="the name of an account")
    gpus: int | None = Field(None, ge=1, description="a whole number of at least 1")
    cpus: int | None = Field(None, ge=1, description="a whole number of at least 1")
    memory_gb: float | None = Field(None, gt=0, allow_inf_nan=False, description="gigabytes, above 0")
    time_limit_minutes: int | None = Field(None, ge=1, description="minutes, a whole number of at least 1")
    requeues: int = Field(20, ge=0, description="a whole number of at least 0")
    max_array: int = Field(500, ge=1, description="a whole number of at least 1")
    parallelism: int | None = Field(None, ge=1, description="a whole number of at least 1")
    extra: dict[str, Any] = Field(default_factory=dict, description='options of sbatch, such as { qos = "long" }')
    submit: str | None = Field(None, min_length=1, description='a command, such as "qsub {script}"')
    cancel: str | None = Field(None, min_length=1, description='a command, such as "qdel {id}"')
    status: str | None = Field(None, min_length=1, description='a command, such as "qstat {id}"')
    id: str | None = Field(None, min_length=1, description="a regular expression for the number of a job")


def make_launch_spec(table: LauncherTable, path: Path) -> LaunchSpec:
    """Check what depends on more than one value.

    Parameters
    ----------
    table
        The table as it was read.
    path
        The TOML file.

    Raises
    ------
    InputError
        For a key that another kind of launcher has, one that is missing, or one that cannot be.
    """
    strange = [key for key in LauncherTable.model_fields if key in table.model_fields_set - KEYS[table.kind]]
    if strange:
        of = " or ".join(f'"{kind}"' for kind, keys in KEYS.items() if strange[0] in keys)
        raise InputError(f'launcher.{strange[0]} is for kind = {of}, and kind is "{table.kind}"', path=path)
    for kind, key in (("slurm", "time_limit_minutes"), ("command", "submit")):
        if table.kind == kind and getattr(table, key) is None:
            expected = LauncherTable.model_fields[key].description
            raise InputError(f'launcher.{key} is missing for kind = "{kind}"; expected {expected}', path=path)
    return LaunchSpec(
        **table.model_dump(exclude={"setup", "extra"}),
        setup=_setup(table.setup, path),
        extra=_extra(table.extra, path),
    )


def make_launcher(spec: LaunchSpec, jobs: int, folder: Path, *, threads: int = 1) -> Launcher:
    """Make the launcher of a study.

    Parameters
    ----------
    spec
        What the study asks for.
    jobs
        Number of runs at a time.
    folder
        Study directory.
    threads
        Of a run; so many processors each job gets if the study does not say.

    Raises
    ------
    InputError
        If the scheduler or something it needs is missing here.
    """
    if spec.kind == "slurm":
        return _slurm(spec, jobs, folder, threads)
    if spec.kind == "command":
        return _command(spec, jobs)
    from neptuner.launch.local import LocalLauncher

    return LocalLauncher(jobs)


def _slurm(spec: LaunchSpec, jobs: int, folder: Path, threads: int) -> Launcher:
    from neptuner.launch.slurm import SlurmLauncher, SlurmOptions

    assert spec.time_limit_minutes is not None
    options = SlurmOptions(
        time_limit_minutes=spec.time_limit_minutes,
        partition=spec.partition,
        account=spec.account,
        gpus=spec.gpus,
        cpus=spec.cpus or threads,
        memory_gb=spec.memory_gb,
        setup=spec.setup,
        extra=dict(spec.extra),
        max_array=spec.max_array,
        parallelism=spec.parallelism,
        requeues=spec.requeues,
    )
    return SlurmLauncher(jobs, folder.absolute() / "launch", options, retries=spec.retries)


def _command(spec: LaunchSpec, jobs: int) -> Launcher:
    from neptuner.launch.command import NUMBER, CommandLauncher, CommandOptions

    assert spec.submit is not None
    options = CommandOptions(spec.submit, spec.cancel, spec.status, spec.id or NUMBER, spec.setup)
    return CommandLauncher(jobs, options, retries=spec.retries)


def _setup(lines: list[str], path: Path) -> tuple[str, ...]:
    for line in lines:
        if "\n" in line or "\r" in line:
            raise InputError("launcher.setup has a line break within a line; expected one string per line", path=path)
    return tuple(lines)


def _extra(options: dict[str, Any], path: Path) -> tuple[tuple[str, str | int | bool], ...]:
    for key, value in options.items():
        if value is False or not isinstance(value, str | int):
            expected = "text, a whole number, or true for an option without a value"
            raise InputError(f"launcher.extra.{key} is {str(value).lower()}; expected {expected}", path=path)
    return tuple(options.items())
