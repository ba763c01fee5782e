"""A commented study.toml from what is in a folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from models import random_frame
from neptuner.cli.app import app
from neptuner.errors import InputError
from neptuner.files.extxyz import write_frames
from neptuner.files.frames import Frame
from neptuner.files.l_max import normal_l_max, written_l_max
from neptuner.files.nep_in import NepIn, as_settings, read_nep_in, replace_values
from neptuner.machine import usable_cpus
from neptuner.study.draft import choose_last_rows, choose_steps, choose_sweep
from neptuner.study.prepare import PreparedStudy, prepare
from neptuner.study.spec import TABLES, StudySpec, read_spec

NEP_IN = "type 2 O Mg\ncutoff 5 4\nn_max 4 4\nneuron 20\nbatch 8\noutput_interval 20\n"
KEY = re.compile(r"^(?:# )?(\w+) = .*\S +# \S")
TABLE = re.compile(r"^(?:# )?\[([\w.]+)\](?: +# \S|$)")
SWITCHED_OFF = re.compile(r"^# (?=\w+ = |\[)", re.MULTILINE)


def frames(number: int = 20, first_seed: int = 0) -> list[Frame]:
    return [random_frame(seed, n_atoms=6, labels=True) for seed in range(first_seed, first_seed + number)]


def fill(folder: Path, train: Sequence[Frame] | None = None, name: str = "train.xyz") -> Path:
    """Put frames and a nep.in into a folder."""
    write_frames(folder / name, frames() if train is None else train)
    (folder / "nep.in").write_text(NEP_IN)
    return folder


def init(folder: Path) -> str:
    """Run the command; what it printed."""
    result = CliRunner().invoke(app, ["init", str(folder)], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def spec_of(folder: Path) -> StudySpec:
    return read_spec(folder / "study.toml")


def prepared(folder: Path) -> PreparedStudy:
    """Everything that a dry run checks."""
    return prepare(spec_of(folder))


def test_a_study_for_frames_and_settings(tmp_path: Path) -> None:
    fill(tmp_path)
    write_frames(tmp_path / "test.xyz", frames(5, 100))
    said = init(tmp_path)
    assert f"neptuner study {tmp_path / 'study.toml'} --dry-run" in said
    study = prepared(tmp_path)
    assert {name: len(one) for name, one in study.frames.items()} == {"train": 18, "validation": 2, "test": 5}
    assert study.spec.jobs == usable_cpus() and study.spec.steps == 1000 and study.spec.last_rows == 10
    assert study.remarks == []
    assert dict(study.spec.sweep).keys() == {"n_max", "basis_size", "l_max", "neuron", "batch"}
    assert all(parameter.values for parameter in study.plan.sweep)
    assert (tmp_path / "nep.in").read_text() == NEP_IN
    text = (tmp_path / "study.toml").read_text()
    assert "# 20 frames, 120 atoms\n" in text and "# 5 frames, 30 atoms;" in text
    assert max(map(len, text.splitlines())) <= 120


def test_the_dry_run_takes_it(tmp_path: Path) -> None:
    fill(tmp_path)
    init(tmp_path)
    toml = tmp_path / "study.toml"
    toml.write_text(toml.read_text().replace("# calibrate = false", "calibrate = false"))
    result = CliRunner().invoke(app, ["study", str(toml), "--dry-run"], catch_exceptions=False, env={"COLUMNS": "120"})
    assert result.exit_code == 0 and "at most 30 runs and" in result.stdout


def test_every_key_of_every_table_is_explained(tmp_path: Path) -> None:
    fill(tmp_path)
    init(tmp_path)
    explained: dict[str, set[str]] = {}
    for line in (tmp_path / "study.toml").read_text().splitlines():
        if table := TABLE.match(line):
            current = explained.setdefault(table[1], set())
        elif key := KEY.match(line):
            current.add(key[1])
    explained["search"].add("space")  # a table of its own
    elsewhere = {"submit", "cancel", "status", "id"}  # of another kind of launcher
    assert elsewhere <= set(re.findall(r"^#   (\w+) = .*# \S", (tmp_path / "study.toml").read_text(), re.MULTILINE))
    explained["launcher"] |= elsewhere
    assert {table: set(model.model_fields) for table, model in TABLES.items()} == {
        table: keys for table, keys in explained.items() if table in TABLES
    }


def test_what_is_switched_off_can_be_switched_on(tmp_path: Path) -> None:
    fill(tmp_path)
    init(tmp_path)
    toml = tmp_path / "study.toml"
    toml.write_text(SWITCHED_OFF.sub("", toml.read_text()))
    spec = read_spec(toml)
    assert spec.search is not None and [keyword for keyword, _ in spec.search.space] == ["n_max", "neuron", "lambda_f"]
    assert spec.md is not None and spec.md.supercell == (3, 3, 3) and spec.learning_curve == (0.125, 0.25, 0.5)
    assert spec.launcher.kind == "slurm" and spec.engine == "gpumd" and spec.group == "trajectory"


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "study.toml").write_text("mine")
    with pytest.raises(InputError, match=r"study\.toml: is there already"):
        init(tmp_path)
    assert (tmp_path / "study.toml").read_text() == "mine" and (tmp_path / "nep.in").read_text() == NEP_IN


def test_settings_are_written_where_there_are_none(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "nep.in").unlink()
    assert "nep.in: settings to begin with, for O Mg" in init(tmp_path)
    assert read_nep_in(tmp_path / "nep.in").type == ("O", "Mg")
    prepared(tmp_path)


def test_the_only_file_of_frames_is_taken(tmp_path: Path) -> None:
    fill(tmp_path, name='my "frames".xyz')
    write_frames(tmp_path / "valid.xyz", frames(3))
    init(tmp_path)
    assert prepared(tmp_path).spec.train.name == 'my "frames".xyz'


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "has no train.xyz with the frames to train on; put one there"),
        (["test.xyz", "model.xyz"], "has no train.xyz with the frames to train on; put one there"),
        (["b.xyz", "a.xyz"], "rename one of a.xyz, b.xyz"),
    ],
)
def test_no_training_frames(tmp_path: Path, files: list[str], message: str) -> None:
    for name in files:
        write_frames(tmp_path / name, frames(3))
    with pytest.raises(InputError, match=message):
        init(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(files)


def test_no_folder_and_too_few_frames(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such folder"):
        init(tmp_path / "nowhere")
    fill(tmp_path, frames(9))
    with pytest.raises(InputError, match="has 9 frame"):
        init(tmp_path)


def test_an_element_that_nep_in_lacks_is_told_before_anything_is_written(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "nep.in").write_text("type 1 O\n")
    with pytest.raises(InputError, match=r"has Mg, which `type` of nep\.in lacks"):
        init(tmp_path)
    assert not (tmp_path / "study.toml").exists()


def test_near_copies_stay_together(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    copies = [
        replace(frame, positions=frame.positions + 0.005 * rng.normal(size=(6, 3)), info={"run": f"r{number}"})
        for number, frame in enumerate(frames(8))
        for _ in range(4)
    ]
    fill(tmp_path, copies)
    init(tmp_path)
    study = prepared(tmp_path)
    assert study.spec.group == "run"
    held_out = {frame.info["run"] for frame in study.frames["validation"]}
    assert held_out and not held_out & {frame.info["run"] for frame in study.frames["train"]}


MODEL = '2\nLattice="5 0 0 0 5 0 0 0 5" Properties=species:S:1:pos:R:3\n{} 0 0 0\nO 2 2 2\n'


def test_a_structure_switches_molecular_dynamics_on(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "model.xyz").write_text(MODEL.format("Mg"))
    init(tmp_path)
    study = prepared(tmp_path)
    assert study.crystal is not None and study.crystal.formula == "Mg1O1" and study.spec.md.temperature == 300


def test_a_structure_of_other_elements_leaves_it_off_and_says_why(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "model.xyz").write_text(MODEL.format("Au"))
    init(tmp_path)
    assert prepared(tmp_path).spec.md is None
    assert "cannot be used (has Au, which `type` of nep.in lacks (O Mg))" in (tmp_path / "study.toml").read_text()


@given(
    n_max=st.tuples(st.integers(0, 12), st.integers(0, 8)),
    basis=st.tuples(st.integers(0, 16), st.integers(0, 12)),
    l_max=st.sampled_from([(4, 0, 0), (4, 1, 0), (4, 1, 1), (3, 1, 0), (8, 0, 0)]),
    neuron=st.sampled_from([(1,), (30,), (120,), (30, 30), (5, 40)]),
    batch=st.integers(1, 200),
    version=st.sampled_from([3, 4]),
    n_frames=st.integers(10, 500),
)
@settings(deadline=None)
def test_the_sweep_differs_from_the_baseline_and_is_allowed(
    n_max: tuple[int, int],
    basis: tuple[int, int],
    l_max: tuple[int, ...],
    neuron: tuple[int, ...],
    batch: int,
    version: int,
    n_frames: int,
) -> None:
    nep_in = NepIn(
        ("O",), version, n_max=n_max, basis_size=basis, l_max=normal_l_max(l_max), neuron=neuron, batch=batch
    )
    sweep = {keyword: values for keyword, values, _ in choose_sweep(nep_in, n_frames)}
    assert {"n_max", "basis_size", "l_max", "neuron"} <= sweep.keys()
    own = as_settings(nep_in)
    for keyword, values in sweep.items():
        assert len({str(value) for value in values}) == len(values)
        for value in values:
            assert as_settings(replace_values(nep_in, {keyword: value})) != own
    assert written_l_max(nep_in.l_max) not in sweep["l_max"]


def test_steps_go_through_the_frames_often_enough() -> None:
    small, large = NepIn(("O",), batch=8), NepIn(("O",), batch=4)
    assert choose_steps(small, 20)[0] == 1000
    assert choose_steps(small, 600)[0] == 2200
    assert choose_steps(large, 50_000)[0] == 6000
    given_steps = replace(small, generation=400, given=frozenset({"generation"}))
    assert choose_steps(given_steps, 600) == (400, "generation of nep.in")
    assert choose_steps(replace(given_steps, generation=100_000), 600)[0] == 2200


def test_the_rows_that_count_are_the_last_ones() -> None:
    assert choose_last_rows(NepIn(("O",), output_interval=100), 6000) == 10
    assert choose_last_rows(NepIn(("O",), output_interval=100), 2300) == 4
    assert choose_last_rows(NepIn(("O",), output_interval=100), 1000) == 2
    assert choose_last_rows(NepIn(("O",), output_interval=5000), 1000) == 1
