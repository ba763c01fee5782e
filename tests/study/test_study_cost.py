from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_calibration import made_calibration, measured

from engines_data import training_folder
from neptuner.errors import NeptunerError
from neptuner.files.nep_in import parse_nep_in, replace_values
from neptuner.study.cost import crew, record
from neptuner.study.cost.calibration import Calibration, calibrate, cutoff_key, sample
from neptuner.study.cost.model import CostModel, Sizes, makespan
from neptuner.study.cost.operations import Neighbors, Work, work_of
from neptuner.study.cost.prediction import predict
from neptuner.study.cost.record import disk_of, worked
from neptuner.study.plan import learn_from
from neptuner.study.prepare import PreparedStudy, prepare
from neptuner.study.spec import read_spec

J14 = "type 6 Mg Ni Zn Co Cu O\ncutoff 6 3.9\nn_max 4 4\nbasis_size 8 8\nl_max 4 1\nneuron 30\n"
PBTE = "type 2 Te Pb\ncutoff 8 4\nn_max 6 6\nbasis_size 6 6\nl_max 4 1\nneuron 30\n"


def work(text: str, pairs: Neighbors, atoms: float = 1000.0, **changes: Any) -> Work:
    return work_of(replace_values(parse_nep_in(text), changes), pairs, atoms)


# -- operations ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "pairs", "microseconds"),
    [(J14, Neighbors(84, 25), 5.37 + 0.68 + 0.75), (PBTE, Neighbors(66, 6), 2.76 + 0.21 + 0.75)],
)
def test_work_agrees_with_the_profile_of_a_step(text: str, pairs: Neighbors, microseconds: float) -> None:
    """Numbers of benchmarks/README.md: the stages, the first three a second time, and Python."""
    slope = (work(text, pairs, 2000.0).step - work(text, pairs, 1000.0).step) / 1000.0
    assert slope * 1e6 == pytest.approx(microseconds, rel=0.12)


@pytest.mark.parametrize(
    ("changes", "measured_ratio"),
    [
        ({"n_max": [2, 2]}, 0.93),
        ({"n_max": [8, 8]}, 1.27),
        ({"n_max": [9, 7], "basis_size": [12, 12]}, 1.38),
        ({"l_max": [2, 0, 0]}, 0.76),
        ({"l_max": [6, 2, 0]}, 1.40),
        ({"neuron": [10]}, 0.88),
        ({"neuron": [100]}, 1.41),
        ({"neuron": [30, 30]}, 1.10),
    ],
)
def test_ratios_of_steps_as_they_were_measured(changes: dict[str, list[int]], measured_ratio: float) -> None:
    """Thread time of 842 atoms of J14 against that of the unchanged nep.in."""
    pairs = Neighbors(85, 25)
    ratio = work(J14, pairs, 842, **changes).step / work(J14, pairs, 842).step
    assert ratio == pytest.approx(measured_ratio, rel=0.15)


@given(radial=st.floats(0, 300), angular=st.floats(0, 100), atoms=st.floats(1, 1e5), factor=st.floats(1.01, 4))
def test_more_neighbours_and_atoms_are_more_work(radial: float, angular: float, atoms: float, factor: float) -> None:
    one = work(J14, Neighbors(radial, angular), atoms)
    more = work(J14, Neighbors(factor * radial + 1, factor * angular + 1), atoms)
    assert all(a < b for a, b in zip(dataclasses.astuple(one), dataclasses.astuple(more), strict=True))
    larger = work(J14, Neighbors(radial, angular), factor * atoms)
    assert one.step < larger.step < factor * one.step


# -- from measured to all --------------------------------------------------------------------------


@pytest.fixture
def study(project) -> PreparedStudy:
    return prepare(read_spec(project.toml))


def model_of(study: PreparedStudy, calibration: Calibration) -> CostModel:
    return CostModel(calibration, Sizes({"train": 160, "validation": 20, "test": 20}, 16), study.plan.first)


def test_what_was_measured_is_predicted_as_it_was(study: PreparedStudy) -> None:
    """The baseline takes all 16 frames of ten atoms in one step, the larger batch of the sweep half of them."""
    plan = study.plan
    made = made_calibration(plan, 2, measured("baseline", 0.02, atoms_per_step=160), measured("batch=7", 0.005))
    calibration = dataclasses.replace(made, atoms={"train": 160, "validation": 20, "test": 20})
    cost = model_of(study, calibration).cost(plan.baseline)
    assert cost.step == pytest.approx(0.02)
    assert cost.loop == pytest.approx(100 * 0.02 + 10 * (0.02 - 0.01 + 0.5 * 0.01))
    assert cost.seconds == pytest.approx(1.0 + 0.5 + 0.5 + cost.loop)


def test_times_in_between_follow_the_operations(study: PreparedStudy) -> None:
    """Twice the speed of the model machine for all, so for those that were not measured, too."""
    plan = study.plan
    sizes = Sizes({"train": 160, "validation": 20, "test": 20}, 16)
    counted = {
        one.name: work_of(one.nep_in, Neighbors(40, 12), sizes.atoms_per_step(one.nep_in.batch)).step
        for one in plan.first
    }
    known = [
        measured(name, 0.5 * counted[name], atoms_per_step=160 / -(-16 // plan_batch(plan, name)))
        for name in ("baseline", "batch=3")
    ]
    model = model_of(study, made_calibration(plan, 2, *known))
    assert all(model.cost(one).step == pytest.approx(0.5 * counted[one.name]) for one in plan.first)
    assert len({round(step, 9) for step in counted.values()}) > 2


def plan_batch(plan: Any, name: str) -> int:
    return next(int(one.nep_in.batch) for one in plan.first if one.name == name)


def test_larger_sets_take_more_of_everything(study: PreparedStudy) -> None:
    calibration = made_calibration(study.plan)
    small, large = (
        CostModel(calibration, Sizes({"train": n, "test": n // 8}, n // 10), study.plan.first).cost(study.plan.baseline)
        for n in (800, 8000)
    )
    assert large.memory - 2e8 == pytest.approx(10 * (small.memory - 2e8), rel=0.02)
    assert large.disk > small.disk
    assert large.seconds - 1.5 > 5 * (small.seconds - 1.5)
    part = learn_from(study.plan.baseline, 0.5)
    model = CostModel(calibration, Sizes({"train": 8000, "test": 1000}, 800), study.plan.first)
    assert model.cost(part).memory < large.memory and model.cost(part).loop < large.loop


def test_a_time_limit_limits(study: PreparedStudy) -> None:
    limited = dataclasses.replace(study.plan.baseline, time_limit=0.25)
    assert model_of(study, made_calibration(study.plan)).cost(limited).loop == 0.25


def test_other_cutoffs_scale_with_the_volume(study: PreparedStudy) -> None:
    nep_in = replace_values(study.plan.baseline.nep_in, {"cutoff": [7.2, 4.8]})
    model = model_of(study, made_calibration(study.plan))
    assert cutoff_key(nep_in) == "7.2 4.8"
    more = model._neighbors(nep_in)
    assert (more.radial, more.angular) == pytest.approx((40 * 1.2**3, 12 * 1.2**3))


# -- time of a whole study -------------------------------------------------------------------------


def test_makespan_by_hand() -> None:
    assert makespan([[3.0, 3.0, 3.0]], 2, 1.0) == 6.0
    assert makespan([[3.0, 3.0, 3.0]], 2, 2.0) == 4.5  # the last is alone, twice as fast
    assert makespan([[1.0, 5.0, 1.0, 1.0]], 2, 1.0) == 5.0
    assert makespan([[2.0], [3.0]], 8, 1.0) == 5.0
    assert makespan([[], [1.0]], 1, 3.0) == 1.0


LENGTHS = st.lists(st.floats(0.01, 100), min_size=1, max_size=30)


@given(LENGTHS, st.integers(1, 8), st.floats(1, 3))
def test_makespan_lies_between_its_limits(lengths: list[float], places: int, slowdown: float) -> None:
    full = makespan([lengths], places, 1.0)
    assert max(max(lengths), sum(lengths) / places) <= full * (1 + 1e-9)
    assert full <= (sum(lengths) / places + max(lengths)) * (1 + 1e-9)
    assert full / slowdown <= makespan([lengths], places, slowdown) * (1 + 1e-9) <= full * (1 + 1e-8)


# -- prediction ------------------------------------------------------------------------------------


def test_counts_are_those_of_the_plan(study: PreparedStudy) -> None:
    """Baseline, three values, combined, two ablations, both longer; likely only one parameter has a winner."""
    prediction = predict(study, made_calibration(study.plan), 2)
    assert (prediction.least.trials, prediction.likely.trials, prediction.most.trials) == (10, 14, 18)
    assert list(prediction.costs) == ["baseline", "n_max=2-4", "batch=3", "batch=7"]
    assert prediction.first < prediction.least.seconds < prediction.likely.seconds < prediction.most.seconds
    assert "predicted: 10 to 18 trainings, about " in prediction.sentence
    assert "other work" not in prediction.sentence
    json.dumps(prediction.as_json(), allow_nan=False)


def test_options_of_a_study_count(project) -> None:
    project.edit("steps = 100", "steps = 100\nmost_replicates = 4\nextra_runs = 5\nablation = false")
    project.write("study.toml", project.toml.read_text() + "\n[learning_curve]\nfractions = [0.6, 0.75]\n")
    study = prepare(read_spec(project.toml))
    prediction = predict(study, made_calibration(study.plan), 2)
    assert prediction.least.trials == 2 * (4 + 1 + 2)
    assert prediction.most.trials == 2 * 4 + 5 + 4 * (1 + 2 + 2)


def test_a_busy_machine_is_told(study: PreparedStudy) -> None:
    calibration = made_calibration(study.plan, 2, measured("baseline", 0.01, share=0.25))
    assert "leaves a training 25 % of its processors, without it about " in predict(study, calibration, 2).sentence


def test_a_study_without_sweep_has_one_number(project) -> None:
    project.write("study.toml", '[study]\ntrain = "train.xyz"\nbaseline = "nep.in"\nsteps = 50\n')
    study = prepare(read_spec(project.toml))
    prediction = predict(study, made_calibration(study.plan), 1)
    assert prediction.least == prediction.likely == prediction.most
    assert prediction.sentence.startswith("predicted: 1 trainings, about 4 s with 1 at a time, ")


# -- measuring -------------------------------------------------------------------------------------

STUDY = """[study]
train = "train.xyz"
test = "test.xyz"
baseline = "nep.in"
steps = 60
jobs = 2

[sweep]
n_max = [[1, 1], [3, 2]]
neuron = [[12]]
"""


@pytest.fixture
def real(tmp_path: Path) -> PreparedStudy:
    training_folder(tmp_path)
    (tmp_path / "study.toml").write_text(STUDY)
    return prepare(read_spec(tmp_path / "study.toml"))


def test_a_calibration_measures(real: PreparedStudy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("neptuner.study.cost.calibration.SECONDS", 0.0)
    monkeypatch.setattr("neptuner.study.cost.calibration.STEP_SECONDS", 0.0)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    found = calibrate(real, 2, {"OPENBLAS_NUM_THREADS": "1"})
    assert {one.name for one in found.measured} == {"baseline", "neuron=12", "n_max=1-1"}
    assert found.measured[0].name == "baseline"
    for one in found.measured:
        numbers = dataclasses.asdict(one)
        assert all(number > 0 and math.isfinite(number) for key, number in numbers.items() if key != "name")
        assert one.prediction_bytes > 1000 and one.peak_bytes > 5e7
    assert set(found.neighbors) == {"5 4"}
    radial, angular = found.neighbors["5 4"]
    assert 1 < angular < radial
    assert found.slowdown >= 1 and found.start > 0.1
    assert Calibration.from_json(json.loads(json.dumps(found.as_json()))) == found
    assert list((tmp_path / "scratch").iterdir()) == []
    prediction = predict(real, found, 2)
    assert found.start < prediction.likely.seconds < 500


def test_a_calibration_that_fails_says_why(real: PreparedStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "WORKER", "neptuner.study.no_such_module")
    with pytest.raises(NeptunerError, match=r"a training of a few steps ended early: .*no_such_module"):
        calibrate(real, 1, {})


def test_samples_have_frames_of_all_sizes(real: PreparedStudy) -> None:
    frames = real.frames
    some = sample(frames, 60)
    assert {split: len(chosen) for split, chosen in some.items()} == {"train": 9, "validation": 2, "test": 2}
    assert {frame.n_atoms for frame in some["train"]} == {frame.n_atoms for frame in frames["train"]}
    assert sample(frames, 10**9).keys() == frames.keys()
    assert all(len(a) == len(b) for a, b in zip(sample(frames, 10**9).values(), frames.values(), strict=True))


# -- predicted and actual --------------------------------------------------------------------------


def event(second: float, name: str, **details: str) -> dict[str, str]:
    return {"time": f"2025-01-01T00:00:{second:06.3f}+00:00", "event": name, **details}


def test_time_between_sessions_does_not_count() -> None:
    events = [event(0, "session"), event(1.5, "started", id="a"), event(4, "finished", id="a")]
    assert worked(events) == 4.0
    assert worked([*events, event(30, "session"), event(31, "started", id="b")]) == 5.0
    assert worked([]) == 0.0


def test_links_and_molecular_dynamics_take_no_room(tmp_path: Path) -> None:
    for k in range(3):
        trial = tmp_path / "trials" / str(k)
        trial.mkdir(parents=True)
        (trial / "loss.out").write_bytes(b"x" * 1000)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.xyz").write_bytes(b"x" * 50_000)
    (tmp_path / "md").mkdir()
    (tmp_path / "md" / "large").write_bytes(b"x" * 10**6)
    (tmp_path / "trials" / "0" / "train.xyz").symlink_to("../../data/train.xyz")
    assert 53_000 <= disk_of(tmp_path) < 53_100


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch, project) -> list[int]:
    """Fake trainings whose cost is predicted; holds the places of each calibration."""
    from drive import fake_command

    calls: list[int] = []

    def calibrate(study: PreparedStudy, places: int, environment: Mapping[str, str]) -> Calibration:
        assert environment["OMP_NUM_THREADS"] == "1"
        calls.append(places)
        return made_calibration(study.plan, places)

    monkeypatch.setattr(record, "calibrate", calibrate)
    monkeypatch.setattr("neptuner.study.run.train_command", fake_command)
    return calls


def test_a_study_keeps_predicted_and_actual_cost(project, counted: list[int]) -> None:
    cost = project.run()["cost"]
    assert any(line.startswith("predicted: 10 to 18 trainings") for line in project.lines)
    assert cost["predicted"]["likely"]["trials"] == 14 and cost["actual"]["trials"] == len(project.results()["trials"])
    assert 0 < cost["actual"]["seconds"] < 60 and cost["actual"]["disk"] > 10_000
    assert cost["ratio"]["seconds"] == pytest.approx(cost["actual"]["seconds"] / cost["predicted"]["likely"]["seconds"])
    assert cost["actual"]["memory"] is None and cost["ratio"]["memory"] is None  # the fake trainer does not tell
    expected = json.loads((project.out / "prediction.json").read_text())["predicted"]["costs"]["baseline"]["loop"]
    assert cost["ratio"]["training"] == pytest.approx(1.0 / expected, rel=0.5)  # fake trainings take 1 s
    assert counted == [1]  # an InlineLauncher is no LocalLauncher


def test_a_prediction_outlives_its_session(project, counted: list[int]) -> None:
    first = project.run()["cost"]
    again = project.run()["cost"]
    assert again["predicted"] == first["predicted"] and len(counted) == 1
    assert again["actual"]["seconds"] >= first["actual"]["seconds"] - 0.1  # to the last event
    project.edit("batch = [3, 7]", "batch = [3, 7, 9]")
    assert project.run()["cost"]["predicted"]["most"]["trials"] == 20 and len(counted) == 1
    project.edit("output_interval 10", "output_interval 20", name="nep.in")
    project.run()
    assert len(counted) == 1  # the times are for the same frames; rows are counted anew
    (project.out / "prediction.json").write_text("{")
    project.run()
    assert len(counted) == 2


def test_a_study_runs_although_its_cost_is_unknown(project, counted: list[int], monkeypatch) -> None:
    def fail(*_: object) -> Calibration:
        raise NeptunerError("a training of a few steps failed: no disk")

    monkeypatch.setattr(record, "calibrate", fail)
    results = project.run()
    assert results["finished"] and results["cost"] is None
    assert "the cost cannot be predicted: a training of a few steps failed: no disk" in project.lines


def test_calibrate_can_be_switched_off(project, counted: list[int]) -> None:
    project.edit("steps = 100", "steps = 100\ncalibrate = false")
    assert project.run()["cost"] is None and counted == []


def test_costs_grow_along_the_sweep(study: PreparedStudy) -> None:
    costs = predict(study, made_calibration(study.plan), 2).costs
    order = ["n_max=2-4", "baseline", "batch=7"]
    assert all(costs[a].step < costs[b].step for a, b in pairwise(order[:2]))
    assert costs["batch=3"].step < costs["batch=7"].step


def test_molecular_dynamics_is_predicted(project) -> None:
    """Screens of 2.5 ps and six runs of 5 ps with 108 atoms, on two places."""
    project.write(
        "study.toml", project.toml.read_text() + "\n[md]\ntime_ps = 4\nequilibration_ps = 1\nreplicates = 3\n"
    )
    study = prepare(read_spec(project.toml))
    calibration = dataclasses.replace(made_calibration(study.plan), slowdown=1.0, md=(1e-5, 2.0))
    prediction = predict(study, calibration, 2)
    by_hand = (3 + 2500 * 108e-5) + 3 * (3 + 5000 * 108e-5)
    assert prediction.md is not None and 0.8 * by_hand < prediction.md < 1.1 * by_hand
    assert f"; then {prediction.md:.0f} s of molecular dynamics" in prediction.sentence
    assert predict(study, made_calibration(study.plan), 2).md is None
