from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neptuner.errors import InputError
from neptuner.files.frames import Frame
from neptuner.files.nep_in import parse_nep_in
from neptuner.study.data.split import split_frames
from neptuner.study.plan import Plan, ablate, combine, extend, make_plan, make_runs, run_digest
from neptuner.study.prepare import prepare
from neptuner.study.spec import read_spec
from neptuner.training.defaults import default_steps

NEP_IN = parse_nep_in("type 2 Mg O\nn_max 4 4\nl_max 4 2 0\n")
DATA = {"train": "aa", "validation": "bb", "test": None}


def plan_of(folder: Path, sweep: str, factor: float = 3, steps: int = 100) -> Plan:
    path = folder / "s.toml"
    path.write_text(f'[study]\ntrain = "t"\nbaseline = "b"\n[sweep]\n{sweep}\n[final]\nsteps_factor = {factor}\n')
    return make_plan(read_spec(path), NEP_IN, steps)


def test_values_are_tried_once_and_the_baseline_not_again(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "n_max = [[4, 4], [2, 4], [2, 4]]\nl_max = [[4, 1], [4, 2, 0], [4, 2, 1], [4, 1, 1]]")
    n_max, l_max = plan.sweep
    assert [c.name for c in n_max.values] == ["n_max=2-4"]
    assert [c.name for c in l_max.values] == ["l_max=4-2-1"]
    assert n_max.baseline_value == [4, 4]
    assert [c.name for c in plan.first] == ["baseline", "n_max=2-4", "l_max=4-2-1"]


def test_names_are_safe_in_paths(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "neuron = [[30, 20], 10]\nlambda_e = [0.5, 1e-3]\ncutoff = [[8, 4.5]]")
    names = [c.name for c in plan.first]
    assert names == ["baseline", "neuron=30-20", "neuron=10", "lambda_e=0.5", "lambda_e=0.001", "cutoff=8-4.5"]
    assert all(re.fullmatch(r"[A-Za-z0-9=.+_-]+", name) for name in names)


def test_combination_and_extension(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "n_max = [[2, 4]]\nneuron = [10]")
    combined = combine(plan, {"n_max": (2, 4), "neuron": (10,)})
    assert (combined.name, combined.phase, combined.steps) == ("combined", "combined", 100)
    assert combined.settings["n_max"] == [2, 4] and combined.settings["neuron"] == [10]
    longer = extend(plan, combined)
    assert longer is not None
    assert (longer.name, longer.phase, longer.steps) == ("combined-extended", "extended", 300)
    assert extend(plan_of(tmp_path, "neuron = [10]", factor=1), combined) is None


def test_ablation_takes_out_one_winner_at_a_time(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "n_max = [[2, 4]]\nneuron = [10]\nbatch = [7]")
    without = ablate(plan, {"n_max": (2, 4), "neuron": (10,), "batch": (7,)})
    assert [c.name for c in without] == [f"combined-without-{k}" for k in ("n_max", "neuron", "batch")]
    assert [c.parameter for c in without] == ["n_max", "neuron", "batch"]
    base = plan.baseline.settings
    assert [c.settings["n_max"] for c in without] == [base["n_max"], [2, 4], [2, 4]]
    assert [c.settings["batch"] for c in without] == [[7], [7], base["batch"]]


def test_digest_depends_on_everything_that_decides_a_run(tmp_path: Path) -> None:
    plan, other = plan_of(tmp_path, "neuron = [10]"), plan_of(tmp_path, "neuron = [10]", steps=200)
    (neuron,) = plan.sweep[0].values
    digests = {
        run_digest(plan.baseline, 1, DATA),
        run_digest(plan.baseline, 2, DATA),
        run_digest(other.baseline, 1, DATA),
        run_digest(neuron, 1, DATA),
        run_digest(plan.baseline, 1, DATA | {"train": "cc"}),
        run_digest(replace(plan.baseline, time_limit=60.0), 1, DATA),
    }
    assert len(digests) == 6 and all(re.fullmatch("[0-9a-f]{10}", digest) for digest in digests)
    assert run_digest(plan.baseline, 1, dict(reversed(DATA.items()))) in digests


def test_runs_are_named_after_what_is_known(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "neuron = [10]")
    first, second = make_runs(plan.baseline, (5, 6), DATA, {})
    assert first.id == f"baseline-r0-{first.digest}" and (first.seed, second.seed) == (5, 6)
    assert second.id == f"baseline-r1-{second.digest}"
    (again,) = make_runs(combine(plan, {}), (5,), DATA, {first.digest: first.id})
    assert again.id == first.id


def test_defaults_of_the_trainer_are_filled_in(project) -> None:
    project.edit("steps = 100\n", "")
    plan = prepare(read_spec(project.toml)).plan
    assert plan.baseline.steps == default_steps(plan.baseline.nep_in)
    assert plan.baseline.settings["batch"][0] <= 18


def frames(sizes: list[int]) -> list[Frame]:
    return [Frame(np.array(["H"] * n), np.zeros((n, 3)), np.eye(3), number=i) for i, n in enumerate(sizes)]


@given(st.lists(st.integers(1, 4), min_size=10, max_size=60), st.floats(0.01, 0.5), st.integers(0, 9))
def test_split_is_a_partition_that_depends_on_the_seed_only(sizes: list[int], fraction: float, seed: int) -> None:
    given_frames = frames(sizes)
    train, held = split_frames(given_frames, fraction, seed)
    numbers = [frame.number for frame in train], [frame.number for frame in held]
    assert sorted(numbers[0] + numbers[1]) == list(range(len(sizes)))
    assert numbers[0] == sorted(numbers[0]) and numbers[1] == sorted(numbers[1])
    assert len(held) == max(2, round(fraction * len(sizes))) and len(train) >= 2
    again = split_frames(given_frames, fraction, seed)
    assert [frame.number for frame in again[1]] == numbers[1]


def test_split_takes_its_share_of_every_size() -> None:
    train, held = split_frames(frames([2] * 50 + [8] * 30 + [3] * 20), 0.1, 3)
    assert [sum(frame.n_atoms == n for frame in held) for n in (2, 8, 3)] == [5, 3, 2]
    assert len(train) == 90


def test_split_of_few_frames() -> None:
    with pytest.raises(InputError, match=r"has 9 frame\(s\), expected at least 10"):
        split_frames(frames([1] * 9), 0.1, 0)
