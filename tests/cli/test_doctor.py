"""What the doctor finds, and how it says to mend it."""

from __future__ import annotations

import json
import os
import sys
from collections import namedtuple
from pathlib import Path

import pytest
from typer.testing import CliRunner

from neptuner.cli.app import app
from neptuner.engines import doctor
from neptuner.engines.doctor import Finding

REQUIRES = [
    "numpy>=2.0",
    "pytest[all]>=1 ; python_version >= '3.11'",
    "no-such-package>=3 ; extra == 'search'",
    'hypothesis>=9999.1; extra == "slurm"',
    "neptuner[search,slurm]; extra == 'test'",
    "sphinx>=8; extra == 'docs'",
]


@pytest.fixture
def requires(monkeypatch) -> list[str]:
    """What neptuner requires; may be changed."""
    listed = list(REQUIRES)
    monkeypatch.setattr("importlib.metadata.requires", lambda _: listed)
    return listed


@pytest.fixture
def no_programs(monkeypatch, tmp_path: Path) -> Path:
    """The only folder on the path; empty."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    for variable in ("NEPTUNER_NEP", "NEPTUNER_GPUMD"):
        monkeypatch.delenv(variable, raising=False)
    return folder


def program(path: Path, printed: str) -> None:
    path.write_text(f"#!{sys.executable}\nprint({printed!r})\n")
    path.chmod(0o755)


def by_name(findings: object) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}  # type: ignore[attr-defined]


def run(*options: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["doctor", *options], catch_exceptions=False)
    return result.exit_code, result.stdout


def test_everything_is_one_json_object(requires) -> None:
    code, printed = run("--json")
    report = json.loads(printed)
    assert code == 0 and report["schema"] == 1
    parts = ["versions", "machine", "kernels", "programs", "disk"]
    assert list(dict.fromkeys(one["part"] for one in report["findings"])) == parts
    for finding in report["findings"]:
        assert finding["state"] in ("ok", "warning", "missing") and finding["found"]
        assert finding["fix"] or finding["state"] == "ok"


def test_everything_as_text(requires, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, printed = run()
    assert code == 0
    for finding in doctor.packages():
        assert f"{finding.state:7s}  {finding.name}" in printed and finding.found in printed
    assert "-> pip install 'neptuner[search]'" in printed


def test_packages_of_extras_are_told_but_not_needed(requires) -> None:
    found = by_name(doctor.packages())
    assert found.keys() == {"neptuner", "python", "numpy", "pytest", "no-such-package", "hypothesis"}
    assert found["numpy"].state == found["pytest"].state == "ok"
    absent, old = found["no-such-package"], found["hypothesis"]
    assert (absent.state, absent.needed) == ("missing", False)
    assert absent.found == "not installed for the joint search of a study"
    assert absent.fix == "pip install 'neptuner[search]'"
    assert old.found.endswith(", expected 9999.1 or newer")
    assert old.fix == "pip install --upgrade 'neptuner[slurm]'"


@pytest.mark.parametrize(
    ("line", "found", "fix"),
    [
        ("no-such-package", "not installed", "pip install neptuner"),
        ("numpy>=99", "expected 99 or newer", "pip install --upgrade neptuner"),
    ],
)
def test_without_a_package_that_is_needed_the_exit_code_is_2(requires, line: str, found: str, fix: str) -> None:
    requires.append(line)
    code, printed = run()
    assert code == 2 and found in printed and f"-> {fix}\n" in printed


@pytest.mark.parametrize(
    ("found", "least", "enough"),
    [("2.0", "2.0", True), ("2.0.1", "2.0", True), ("1.26.4", "2.0", False), ("0.61", "0.7", True), ("3", "3.1", False),
     ("2.1.0rc1", "2.1", True), ("2.0+local.9", "2.0", True)],
)  # fmt: skip
def test_versions_are_compared_as_numbers(requires, monkeypatch, found: str, least: str, enough: bool) -> None:
    requires[:] = [f"made-up>={least}"]
    monkeypatch.setattr("importlib.metadata.version", lambda _: found)
    assert (by_name(doctor.packages())["made-up"].state == "ok") == enough


def test_sources_that_are_not_installed(monkeypatch) -> None:
    def refuse(name: str) -> list[str]:
        raise doctor.metadata.PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.requires", refuse)
    finding = by_name(doctor.packages())["packages"]
    assert finding.state == "warning" and "run from its sources" in finding.found


def test_a_container_that_grants_less_than_its_processors(monkeypatch, tmp_path: Path) -> None:
    limit = tmp_path / "cpu.max"
    monkeypatch.setattr(doctor, "CGROUP_LIMIT", limit)
    monkeypatch.setattr(doctor, "usable_cpus", lambda: 8)
    for text in ("max 100000", "800000 100000", ""):
        limit.write_text(text)
        assert "container" not in by_name(doctor.processors())
    limit.write_text("250000 100000\n")
    finding = by_name(doctor.processors())["container"]
    assert finding.state == "warning" and "2.5 processors" in finding.found and "--threads 2" in finding.fix


def test_threads_of_libraries_and_other_work(monkeypatch) -> None:
    monkeypatch.setattr(doctor, "usable_cpus", lambda: 4)
    monkeypatch.setattr(os, "getloadavg", lambda: (0.3, 9.0, 9.0))
    for name in doctor.THREAD_VARIABLES:
        monkeypatch.setenv(name, "1")
    found = by_name(doctor.processors())
    assert found["threads of libraries"].state == found["load"].state == "ok"
    monkeypatch.setenv("OMP_NUM_THREADS", "16")
    monkeypatch.setattr(os, "getloadavg", lambda: (3.6, 0.0, 0.0))
    found = by_name(doctor.processors())
    assert found["threads of libraries"].fix.startswith("unset OMP_NUM_THREADS:")
    assert found["load"].state == "warning" and found["load"].found.startswith("3.6 processors")


def test_the_command_keeps_libraries_to_one_thread(requires) -> None:
    import subprocess

    env = {name: value for name, value in os.environ.items() if name not in doctor.THREAD_VARIABLES}
    done = subprocess.run(
        [sys.executable, "-m", "neptuner", "doctor", "--json"], capture_output=True, text=True, env=env, check=True
    )
    threads = next(one for one in json.loads(done.stdout)["findings"] if one["name"] == "threads of libraries")
    assert threads["state"] == "ok" and threads["found"].startswith("OMP_NUM_THREADS 1")


@pytest.mark.parametrize(
    ("features", "found"),
    [
        ({"avx512f", "avx2", "avx", "sse2", "fma"}, "512 bits (avx512f), with fused multiply-add"),
        ({"avx", "sse2"}, "256 bits (avx), without fused multiply-add"),
        ({"neon"}, "128 bits (neon), with fused multiply-add"),
        (set(), "kernels are not compiled for this very processor"),
    ],
)
def test_vectors(monkeypatch, features: set[str], found: str) -> None:
    monkeypatch.setattr("neptuner.kernels.compile.processor_has", lambda feature: feature in features)
    finding = by_name(doctor.kernels())["vectors"]
    assert finding.found == found and bool(finding.fix) == (not features)


def test_kernels_are_compiled_and_kept(monkeypatch, tmp_path: Path) -> None:
    from neptuner.kernels import compile as compiler

    root = tmp_path / "neptuner"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("tempfile.gettempdir", lambda: "/nowhere")
    compiler.cache_folder.cache_clear()
    try:
        first = by_name(doctor.kernels())
        second = by_name(doctor.kernels())
    finally:
        compiler.cache_folder.cache_clear()
    assert first["compiling"].state == "ok" and first["compiling"].found.startswith("works, ")
    assert first["cache"].state == "ok" and "empty: the first training" in first["cache"].found
    assert str(root) in second["cache"].found and ": 1 kernels, " in second["cache"].found


def test_a_cache_that_cannot_be_written_to(monkeypatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file" / "cache"))
    finding = by_name(doctor.kernels())["cache"]
    assert finding.state == "warning" and "cannot be written" in finding.found and "XDG_CACHE_HOME" in finding.fix


def test_a_cache_that_will_not_stay(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kernels"))
    assert by_name(doctor.kernels())["cache"].found.endswith("it goes with the temporary files")


def test_kernels_of_old_versions(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: "/nowhere")
    monkeypatch.setattr(doctor, "MUCH_CACHE", 3000)
    for name in ("host-1", "host-2", "host-3"):
        (tmp_path / "neptuner" / name).mkdir(parents=True)
        (tmp_path / "neptuner" / name / "a.nbc").write_bytes(bytes(2000))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "neptuner" / "host-1"))
    finding = by_name(doctor.kernels())["cache"]
    assert finding.state == "ok" and finding.fix.startswith("2 folders beside it")
    assert "4 kB: delete what is not in use" in finding.fix


@pytest.mark.parametrize(("kernel", "found"), [(None, "fails (TypeError: "), (lambda _: lambda x: x, "wrong numbers")])
def test_a_compiler_that_does_not_work(requires, monkeypatch, kernel, found: str) -> None:
    monkeypatch.setattr("neptuner.kernels.compile.kernel", kernel)
    code, printed = run()
    assert code == 2 and found in printed


def test_a_package_that_cannot_be_imported(requires, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "neptuner.kernels.compile", None)
    code, printed = run("--json")
    broken = next(one for one in json.loads(printed)["findings"] if one["part"] == "kernels")
    assert code == 2 and broken["state"] == "missing" and "neptuner.kernels.compile" in broken["found"]


def test_no_programs(no_programs) -> None:
    found = by_name(doctor.programs())
    assert found.keys() == {"GPUMD's gpumd", "GPUMD's nep", "Slurm", "browser"}
    assert all(one.state == "missing" and not one.needed and one.fix.startswith("only for ") for one in found.values())
    assert found["GPUMD's nep"].found == "neither in $NEPTUNER_NEP nor on the path"


def test_programs_and_their_versions(no_programs: Path, monkeypatch, tmp_path: Path) -> None:
    program(no_programs / "sbatch", "slurm-wlm 23.02.1")
    program(no_programs / "google-chrome", "Google Chrome 140")
    program(no_programs / "nep", "Welcome to use GPUMD\nversion 4.8\nThis is the nep executable")
    program(tmp_path / "mine", "Welcome to use GPUMD\nversion 3.9.5\nThis is the gpumd executable")
    monkeypatch.setenv("NEPTUNER_GPUMD", str(tmp_path / "mine"))
    found = by_name(doctor.programs())
    assert {one.state for one in found.values()} == {"ok"}
    assert found["Slurm"].found == f"slurm-wlm 23.02.1 ({no_programs / 'sbatch'})"
    assert found["browser"].found.startswith("Google Chrome 140")
    assert found["GPUMD's nep"].found == f"4.8 ({no_programs / 'nep'})"
    assert found["GPUMD's gpumd"].found == f"3.9.5 ({tmp_path / 'mine'})"


def test_a_program_that_is_something_else(no_programs: Path) -> None:
    program(no_programs / "gpumd", "hello")
    finding = by_name(doctor.programs())["GPUMD's gpumd"]
    assert finding.state == "warning" and "is it GPUMD's gpumd?" in finding.found


def test_a_full_disk(monkeypatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(10**12, 0, 7 * 10**9))
    assert next(doctor.disk()).state == "ok"
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(10**12, 0, 2 * 10**9))
    assert next(doctor.disk()).state == "warning" and next(doctor.disk()).found.startswith("2 GB in ")
