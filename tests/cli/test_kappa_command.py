"""`neptuner kappa` as a user calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from heat_folders import crystal, driven_folder, equilibrium_folder


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run ``neptuner kappa``."""
    command = [sys.executable, "-m", "neptuner", "kappa", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_kappa_prints_what_its_json_holds(tmp_path: Path) -> None:
    crystal(tmp_path)
    for k in range(3):
        driven_folder(tmp_path / f"run{k}", k)
    equilibrium_folder(tmp_path / "still", 7)
    result = json.loads(run(tmp_path, "--json", "--no-stacie").stdout)
    text = run(tmp_path, "--no-stacie").stdout
    assert result["runs"] == 3
    assert f"{result['kappa']:.2f}" in text.splitlines()[1]
    for part in ("spread of the runs", "blocking within them", "fluctuation-dissipation theorem", "run2", "cepstral"):
        assert part in text
    assert result["agreement"]["sentence"] in text
    assert f"{result['errors']['predicted']:.2g}" in text


def test_errors_of_the_user_are_one_sentence(tmp_path: Path) -> None:
    found = run(tmp_path)
    assert found.returncode == 2
    assert found.stderr == f"neptuner: {tmp_path}: has no run.in, nor has any of its sub-folders\n"


def test_five_runs_of_gpumd(shared_data: Path) -> None:
    result = json.loads(run(shared_data / "j14-hnemd-900K", "--json").stdout)
    assert round(result["kappa"], 3) == 2.376
    assert abs(result["standard_error"] - 0.011) < 0.003
    assert abs(result["spectral"]["integral"] / result["kappa"] - 1) < 0.05
