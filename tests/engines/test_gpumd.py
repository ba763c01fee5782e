from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from models import random_model
from neptuner.engines import gpumd
from neptuner.errors import InputError, Interrupted, NeptunerError
from neptuner.files.gpumd_version import LATEST, GpumdVersion
from neptuner.files.run_in import parse_script
from neptuner.files.structure import Structure, read_structure
from neptuner.files.thermo_out import format_thermo_row, read_thermo
from neptuner.potential.convert import to_nep4
from neptuner.potential.model import Model

SCRIPT = parse_script("potential ../elsewhere.txt\nensemble nvt_nhc 9 9 9\ndump_xyz 5 a.xyz force\nrun 10")
STRUCTURE = Structure(
    species=np.array(["Mg", "O"]),
    positions=np.array([[0.0, 0, 0], [2.1, 0, 0]]),
    cell=4.2 * np.eye(3),
    pbc=(True, True, True),
    masses=np.array([24.305, 15.999]),
    velocities=None,
    groups=np.zeros((0, 2), dtype=np.int64),
)
ROW = format_thermo_row(9, 1, -10, np.arange(6), 4.2 * np.eye(3))
FAKE = f"""#!{sys.executable}
import os, sys, time
print("*                 Welcome to use GPUMD                        *")
print("*                     version {{version}}                             *")
if not os.path.exists("run.in"):
    sys.exit("Failed to open run.in.")
print("Started executing the commands in run.in.")
{{body}}
"""
WORKS = f"open('thermo.out', 'w').write({ROW!r})"
FAILS = "sys.stderr.write('Input Error:\\n    Error: Force tolerance should be a number.\\n'); sys.exit(1)"
SLEEPS = "open('started', 'w').close(); time.sleep(60)"


@pytest.fixture
def program(tmp_path: Path):
    def one(body: str = WORKS, version: str = "5.5") -> Path:
        path = tmp_path / "bin" / "gpumd"
        path.parent.mkdir(exist_ok=True)
        path.write_text(FAKE.format(body=body, version=version))
        path.chmod(0o755)
        return path

    return one


def model_file(tmp_path: Path, model: Model | None = None) -> Path:
    path = tmp_path / "some_model.txt"
    (model or random_model()).write(path)
    return path


def test_finds_the_executable(program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = program()
    monkeypatch.delenv(gpumd.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(path.parent), prepend=os.pathsep)
    assert gpumd.find_executable() == gpumd.find_executable(path) == path
    other = tmp_path / "my_gpumd"
    other.write_bytes(path.read_bytes())
    other.chmod(0o755)
    monkeypatch.setenv(gpumd.VARIABLE, str(other))
    assert gpumd.find_executable() == other
    assert gpumd.find_executable(path) == path
    with pytest.raises(InputError, match=r"there is no program `nothing_here`; .*\$NEPTUNER_GPUMD"):
        gpumd.find_executable("nothing_here")


@pytest.mark.parametrize("version", ["3.9.5", "4.9", "5.6"])
def test_tells_the_version_from_the_banner(program, version: str) -> None:
    assert gpumd.executable_version(program(version=version)) == GpumdVersion.parse(version)


def test_the_development_version_is_told_from_the_release_whose_number_it_prints(program) -> None:
    body = "# The quantity that writes group labels as a column is now called 'group_labels'."
    assert gpumd.executable_version(program(body, "5.6")) == LATEST
    assert gpumd.executable_version(program(body, "5.5")) == GpumdVersion(5, 5)


def test_other_programs_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("#!/bin/sh\necho version 5.6\n")
    other.chmod(0o755)
    with pytest.raises(InputError, match="printed no banner with a version"):
        gpumd.executable_version(other)
    other.write_text("#!/nowhere/at/all\n")
    with pytest.raises(InputError, match="cannot be run as GPUMD"):
        gpumd.executable_version(other)


def test_prepares_a_folder_for_a_version(tmp_path: Path) -> None:
    source, folder = model_file(tmp_path), tmp_path / "new" / "run"
    gpumd.prepare(folder, SCRIPT, STRUCTURE, source, GpumdVersion(5, 5))
    assert (folder / "run.in").read_text().splitlines() == [
        "potential nep.txt", "ensemble nvt_nhc 9 9 9", "dump_xyz -1 0 5 a.xyz force", "run 10",
    ]  # fmt: skip
    assert (folder / "nep.txt").read_bytes() == source.read_bytes()
    np.testing.assert_array_equal(read_structure(folder / "model.xyz").positions, STRUCTURE.positions)
    gpumd.prepare(folder, SCRIPT, STRUCTURE, source, LATEST)
    assert "dump_xyz 5 a.xyz force\n" in (folder / "run.in").read_text()


def test_older_versions_get_the_flag_of_q222_as_they_read_it(tmp_path: Path) -> None:
    source = model_file(tmp_path)
    assert "l_max 4 2 1\n" in source.read_text()
    source.write_text(source.read_text().replace("l_max 4 2 1", "l_max 4 1 1"))
    gpumd.prepare(tmp_path, SCRIPT, STRUCTURE, source, GpumdVersion(5, 2))
    assert "l_max 4 2 1\n" in (tmp_path / "nep.txt").read_text()
    gpumd.prepare(tmp_path, SCRIPT, STRUCTURE, source, GpumdVersion(5, 3))
    assert "l_max 4 1 1\n" in (tmp_path / "nep.txt").read_text()


MODELS = {
    "two layers": (random_model(neuron=(6, 5)), "5.6", r"has two hidden layers, .*`neptuner md`"),
    "nep3": (random_model(3), "5.3", r"is a NEP3, which GPUMD 5.3 no longer runs; .*`neptuner convert"),
    "nep5": (random_model(5), "3.9.5", r"is a NEP5, which GPUMD 3.9.5 does not know"),
    "invariants": (random_model(l_max=(4, 1, 1, 1, 0, 0, 0)), "5.3", r"has invariants .* use 5.4 or newer"),
    "cutoffs": (random_model(cutoff=(5.0, 4.0, 4.2, 3.2)), "4.6", r"has a cutoff for each element"),
    "radii": (random_model(typewise_cutoff=(1.6, 1.4)), "4.7", r"has cutoffs by covalent radius"),
}


@pytest.mark.parametrize(("model", "version", "message"), MODELS.values(), ids=MODELS.keys())
def test_models_that_a_version_cannot_run_are_refused_before_anything_is_written(
    tmp_path: Path, model: Model, version: str, message: str
) -> None:
    source = model_file(tmp_path, model)
    with pytest.raises(InputError, match=message):
        gpumd.prepare(tmp_path / "run", SCRIPT, STRUCTURE, source, GpumdVersion.parse(version))
    assert not (tmp_path / "run").exists()


def test_models_that_a_version_can_run_pass(tmp_path: Path) -> None:
    for model, version in [(random_model(3), "5.2"), (to_nep4(random_model(3)), "5.6"), (random_model(5), "5.6")]:
        assert gpumd.check_model(model_file(tmp_path, model), GpumdVersion.parse(version)).elements == ("Mg", "O")


def test_a_model_must_know_every_element(tmp_path: Path) -> None:
    source = model_file(tmp_path, random_model(elements=("Mg", "Ni")))
    with pytest.raises(InputError, match=r"has O, which the model lacks \(Mg Ni\)"):
        gpumd.prepare(tmp_path / "run", SCRIPT, STRUCTURE, source, LATEST)


def test_runs_and_keeps_the_log(program, tmp_path: Path) -> None:
    executable = program()
    folder = tmp_path / "run"
    gpumd.prepare(folder, SCRIPT, STRUCTURE, model_file(tmp_path), gpumd.executable_version(executable))
    gpumd.run(folder, executable)
    assert read_thermo(folder / "thermo.out").temperature.tolist() == [9]
    assert "Started executing" in (folder / gpumd.LOG).read_text()


def test_results_of_an_earlier_run_are_not_appended_to(program, tmp_path: Path) -> None:
    (tmp_path / "run.in").touch()
    (tmp_path / "kappa.out").write_text("old")
    with pytest.raises(InputError, match=r"kappa.out: is there from an earlier run, and GPUMD would append to it"):
        gpumd.run(tmp_path, program())
    gpumd.run(tmp_path, program(), overwrite=True)
    assert not (tmp_path / "kappa.out").exists()
    assert (tmp_path / "thermo.out").exists()


def test_errors_of_gpumd_are_shown_and_logged(program, tmp_path: Path) -> None:
    (tmp_path / "run.in").touch()
    with pytest.raises(NeptunerError, match="ended with exit code 1 in ") as caught:
        gpumd.run(tmp_path, program(FAILS))
    assert str(caught.value).endswith("Input Error:\n    Error: Force tolerance should be a number.")
    log = (tmp_path / gpumd.LOG).read_text()
    assert "Started executing" in log
    assert "Force tolerance should be a number." in log


def test_an_error_on_stdout_is_shown_too(program, tmp_path: Path) -> None:
    (tmp_path / "run.in").touch()
    with pytest.raises(NeptunerError, match=r"exit code 3.*\n(.*\n)*cannot open nep.txt$"):
        gpumd.run(tmp_path, program("print('cannot open nep.txt'); sys.exit(3)"))


def test_a_crash_is_reported(program, tmp_path: Path) -> None:
    (tmp_path / "run.in").touch()
    with pytest.raises(NeptunerError, match="was ended by signal 9"):
        gpumd.run(tmp_path, program("import signal; os.kill(os.getpid(), signal.SIGKILL)"))


def test_a_signal_ends_gpumd(program, tmp_path: Path) -> None:
    (tmp_path / "run.in").touch()

    def interrupt() -> None:
        while not (tmp_path / "started").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=interrupt, daemon=True).start()
    begin = time.monotonic()
    with pytest.raises(Interrupted, match="stopped by SIGTERM"):
        gpumd.run(tmp_path, program(SLEEPS))
    assert time.monotonic() - begin < 20
