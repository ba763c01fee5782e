"""``neptuner md`` as a user calls it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from md_data import md_folder, relaxed_structure
from neptuner.cli import main
from neptuner.cli.md_progress import DynamicsProgress
from neptuner.engines.dynamics import Progress
from neptuner.files.structure import read_structure, write_structure
from neptuner.files.thermo_out import read_thermo

SHORT = """potential nep.txt
velocity 300
ensemble nvt_nhc 300 300 50
dump_thermo 5
run 20
"""

LONG = """potential nep.txt
velocity 300 seed 3
ensemble nvt_lan 300 300 50
compute_msd 2 20
compute_hac 2 50 5
dump_thermo 1
dump_xyz 50 frames.xyz velocity
run 3000
"""


def md(capsys, monkeypatch, *words: object) -> tuple[int, str, str]:
    """Call the command in this process: exit code, stdout, stderr."""
    monkeypatch.setattr(sys, "argv", ["neptuner", "md", *map(str, words), "--threads", "1"])
    monkeypatch.setenv("COLUMNS", "200")
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        main()
    said = capsys.readouterr()
    return int(caught.value.code or 0), said.out, said.err


def test_it_ends_with_one_json_object(tmp_path: Path, capsys, monkeypatch) -> None:
    md_folder(tmp_path, SHORT.replace("velocity", "minimize sd 1e-9 3\nvelocity"))
    code, out, err = md(capsys, monkeypatch, tmp_path, "--json", "--seed", 4, "--skin", 0.5)
    summary = json.loads(out)
    assert code == 0
    assert summary == json.loads((tmp_path / "md.json").read_text())
    assert (summary["steps"], summary["seed"], summary["skin_angstrom"], summary["threads"]) == (20, 4, 0.5, 1)
    assert "note: `velocity` has no seed: 4 is taken (--seed)" in err
    assert "minimize: step 0, " in err
    assert re.search(r"100\.0 %  run of line 6: step 20/20 +\d+\.\d K  \S+ ns/day", err)
    assert re.search(r"12 atoms, 20 steps, 0\.02 ps in \S+ s, \S+ ns/day, \S+ atom-steps/s", err)
    assert "Traceback" not in err


def test_the_folder_is_that_one_stands_in(tmp_path: Path, capsys, monkeypatch) -> None:
    md_folder(tmp_path, SHORT)
    monkeypatch.chdir(tmp_path)
    code, out, _ = md(capsys, monkeypatch)
    assert (code, out) == (0, "")
    assert len(read_thermo("thermo.out").temperature) == 4
    code, out, _ = md(capsys, monkeypatch, ".", "--resume", "--json")
    assert (code, json.loads(out)["finished"]) == (0, True)


@pytest.mark.parametrize(
    ("run_in", "sentence"),
    [
        (
            SHORT.replace("velocity", "velocty"),
            "line 2: `velocty` is not a keyword of run.in; did you mean `velocity`?",
        ),
        (SHORT.replace("dump_thermo 5", "compute_rdf 5 100 10"), "line 4: the cutoff is 5 angstrom, expected at most"),
        (SHORT.replace("dump_thermo 5", "compute_msd 1 10 group 7 0"), "line 4: asks for grouping method 7"),
        (SHORT.replace("nep.txt", "other.txt"), "other.txt: there is no such file"),
    ],
)
def test_bad_input_ends_with_one_sentence_and_code_2(tmp_path: Path, capsys, monkeypatch, run_in, sentence) -> None:
    folder = md_folder(tmp_path, run_in)
    before = sorted(path.name for path in folder.iterdir())
    code, out, err = md(capsys, monkeypatch, folder)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"neptuner: {folder}")
    assert sentence in err
    assert sorted(path.name for path in folder.iterdir()) == before


def test_results_are_safe(tmp_path: Path, capsys, monkeypatch) -> None:
    folder = md_folder(tmp_path, SHORT)
    assert md(capsys, monkeypatch, folder)[0] == 0
    code, _, err = md(capsys, monkeypatch, folder)
    assert (code, err.count("\n")) == (2, 1)
    assert "replace it (--overwrite)" in err
    assert md(capsys, monkeypatch, folder, "--overwrite")[0] == 0


def test_an_explosion_ends_with_code_1(tmp_path: Path, capsys, monkeypatch) -> None:
    folder = md_folder(tmp_path, SHORT)
    structure = relaxed_structure()
    structure.positions[1] = structure.positions[0]
    write_structure(folder / "model.xyz", structure)
    code, out, err = md(capsys, monkeypatch, folder, "--json")
    assert (code, out) == (1, "")
    last = err.splitlines()[-1]
    assert last.startswith("neptuner: step 0 of the run of line 5 is out of control: forces are no longer finite")
    assert json.loads((folder / "md.json").read_text())["exploded"]["sentence"] == last.removeprefix("neptuner: ")
    assert read_structure(folder / "last_good.xyz").n_atoms == 12


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "neptuner", "md", str(folder), "--threads", "1", "--skin", "0.4", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)


def wait_for_rows(folder: Path, rows: int, process: subprocess.Popen[str]) -> None:
    deadline, path = time.monotonic() + 300, folder / "thermo.out"
    while time.monotonic() < deadline:
        assert process.poll() is None, process.stderr.read()
        if path.exists() and path.read_bytes().count(b"\n") >= rows:
            return
        time.sleep(0.01)
    pytest.fail("no rows")


def test_sigterm_then_sigkill_then_the_same_bytes(tmp_path: Path, capsys, monkeypatch) -> None:
    whole, folder = md_folder(tmp_path / "whole", LONG), md_folder(tmp_path / "parts", LONG)
    assert md(capsys, monkeypatch, whole, "--skin", "0.4")[0] == 0
    process = start(folder)
    wait_for_rows(folder, 1, process)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 3, said
    stopped = int(re.search(r"stopped after step (\d+) of 3000; --resume goes on", said)[1])
    assert len(read_thermo(folder / "thermo.out").temperature) == stopped < 3000
    assert not json.loads((folder / "md.json").read_text())["finished"]
    process = start(folder, "--resume", "--checkpoint-interval", "0.02")
    wait_for_rows(folder, stopped + 100, process)
    process.kill()
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    code, out, _ = md(capsys, monkeypatch, folder, "--skin", "0.4", "--resume", "--json")
    assert (code, json.loads(out)["steps"]) == (0, 3000)
    names = sorted(path.name for path in whole.iterdir())
    assert sorted(path.name for path in folder.iterdir() if not path.name.endswith(".tmp")) == names
    for name in names:
        if name != "md.json":
            assert (folder / name).read_bytes() == (whole / name).read_bytes(), name


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(7.4, "7 s left"), (125.0, "2 min 05 s left"), (7384.0, "2 h 03 min left"), (np.inf, "")],
)
def test_time_left_in_words(capsys, seconds: float, text: str) -> None:
    with DynamicsProgress() as progress:
        progress.progress(Progress(4, 10, 20, 0.5, 300.0, 1.25, seconds))
        progress.progress(Progress(4, 11, 20, 0.55, 300.0, 1.25, seconds))
        progress.progress(Progress(None, 12, 20, 0.6, 300.0, 1.25, seconds))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].rstrip() == f" 50.0 %  run of line 4: step 10/20    300.0 K  1.25 ns/day  {text}".rstrip()
    assert lines[1].startswith(" 60.0 %  step 12/20")
