from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neptuner.errors import InputError
from neptuner.files.extxyz import read_frames
from neptuner.files.nep_in import as_settings, parse_nep_in, replace_values
from neptuner.study.search.rungs import (
    Standing,
    Trial,
    front_numbers,
    in_full,
    report_pruning,
    rung_offsets,
    to_promote,
)
from neptuner.study.search.sampler import Point, importances, key_of, propose
from neptuner.study.search.space import Space, make_space
from neptuner.study.search.spec import Choices, Range, SearchTable, make_search_spec
from neptuner.study.spec import read_spec

BASELINE = parse_nep_in("type 2 Mg O\ncutoff 6 4\nn_max 4 4\nbasis_size 8 8\nneuron 10\nl_max 4 2\nbatch 8\n")
TABLE: dict[str, Any] = {
    "n_max": {"low": [2, 2], "high": [8, 8], "step": 2},
    "neuron": [10, 20, 40],
    "cutoff": {"low": [6, 3.5], "high": [9, 5]},
    "lambda_f": {"low": 0.1, "high": 10, "log": True},
    "l_max": [[4, 2], [4, 2, 1], 4],
}


def make(space: dict[str, Any], **keys: Any) -> Space:
    table = SearchTable.model_validate({"trials": 10, "space": space, **keys})
    return make_space(make_search_spec(table, 1, Path("study.toml")), BASELINE, Path("study.toml"))


def read(tmp_path: Path, text: str) -> Any:
    head = '[study]\ntrain = "train.xyz"\nbaseline = "nep.in"\nseed = 7\n'
    (tmp_path / "study.toml").write_text(f"{head}\n{text}\n")
    return read_spec(tmp_path / "study.toml").search


def test_defaults(tmp_path: Path) -> None:
    spec = read(
        tmp_path, "[search]\ntrials = 9\n[search.space]\nneuron = [[30, 30], 20]\nn_max = {low=[2,2],high=[4,6]}"
    )
    assert (spec.trials, spec.objectives, spec.sampler, spec.seed) == (9, ("accuracy",), "tpe", 7)
    assert (spec.rungs, spec.reduction, spec.control, spec.needs_speed) == (1, 3, 2, False)
    assert spec.space == (("neuron", Choices(((30, 30), (20,)))), ("n_max", Range((2, 2), (4, 6), None, False)))
    assert [spec.steps(900, rung) for rung in range(spec.rungs)] == [900]


SPACE = "[search]\ntrials = 5\n[search.space]\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[search.space]\nneuron = [10]", "search.trials is missing; expected a whole number of at least 1"),
        ("[search]\ntrials = 5", "search.space is missing; expected a table of keywords"),
        ("[search]\ntrials = 5\nspace = 3", "search.space is 3; expected a table of keywords"),
        ("[search]\ntrials = 5\n[search.space]", "search.space is empty; expected at least one keyword"),
        ("[search]\ntrials = 0\n[search.space]\nneuron=[9]", "search.trials is 0; expected a whole"),
        ("[search]\ntrails = 5\n[search.space]\nneuron=[9]", "unknown key search.trails; did you mean trials?"),
        (
            '[search]\ntrials = 5\nobjectives=["speed"]\n[search.space]\nneuron=[9]',
            'search.objectives is [\'speed\']; expected ["accuracy"] or',
        ),
        ('[search]\ntrials = 5\nsampler="ga"\n[search.space]\nneuron=[9]', 'search.sampler is "ga"; expected "tpe" or'),
        (SPACE + "neuron = 9", "search.space.neuron is 9; expected a list of values, or a"),
        (SPACE + "neuron = []", "search.space.neuron is an empty list"),
        (SPACE + "neuron = [true]", "search.space.neuron has the value true; expected"),
        (SPACE + "neuron = {low=1}", "search.space.neuron.high is missing; expected a number"),
        (SPACE + "neuron = {low=1,hi=2}", "unknown key search.space.neuron.hi; expected"),
        (SPACE + "n_max = {low=[1,2],high=[4]}", "has 2 low and 1 high; expected as many"),
        (SPACE + "neuron = {low=9,high=4}", "search.space.neuron.low is above high"),
        (SPACE + "neuron = {low=1,high=4,step=0}", "step is [0]; expected numbers above 0"),
        (SPACE + "lambda_f = {low=0,high=4,log=true}", "goes without step and needs a low"),
        (SPACE + "lambda_f = {low=1,high=4,log=1}", "log is 1; expected true or false"),
        (SPACE + 'neuron = {low="a",high=4}', 'neuron.low is "a"; expected a number'),
    ],
)  # fmt: skip
def test_wrong_tables_are_refused_in_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(InputError) as refusal:
        read(tmp_path, text)
    assert sentence in str(refusal.value)


@pytest.mark.parametrize(
    ("space", "sentence"),
    [
        ({"type": [["Mg"]]}, "search.space.type: the elements cannot be varied; remove this key"),
        ({"generation": [5]}, "search.space.generation: the number of steps is study.steps"),
        ({"population": [50, 60]}, "search.space.population: it has no meaning in gradient training"),
        ({"neurons": [5]}, "did you mean `neuron`?"),
        ({"n_max": [4]}, "search.space.n_max has the value [4]"),
        ({"neuron": {"low": 10, "high": 300}}, "search.space.neuron has the value [300]"),
        ({"n_max": {"low": 2, "high": 4}}, "search.space.n_max has the value [2]"),
        ({"neuron": {"low": 10, "high": 40, "step": 2.5}}, "takes no others"),
    ],
)
def test_values_that_nep_in_forbids_are_refused_at_the_beginning(space: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError) as refusal:
        make(space)
    assert sentence in str(refusal.value)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_points_survive_the_way_there_and_back(seed: int) -> None:
    pytest.importorskip("optuna")
    space = make(TABLE)
    values = propose(space, "random", [], set(), seed, 0)
    assert values is not None
    coordinates = space.coordinates(values)
    assert coordinates is not None and space.values(coordinates) == values
    changed = as_settings(replace_values(BASELINE, {keyword: list(value) for keyword, value in values.items()}))
    assert space.point(changed, as_settings(BASELINE)) == values  # as a training has it in nep.in
    assert all(2 <= n <= 8 and n % 2 == 0 for n in values["n_max"]) and 0.1 <= float(values["lambda_f"][0]) <= 10
    other = {**changed, "batch": [9]}
    assert space.point(other, as_settings(BASELINE)) is None  # differs in what is not searched


@pytest.mark.parametrize(
    "settings_of",
    [{"n_max": [3, 4]}, {"n_max": [10, 4]}, {"neuron": [15]}, {"neuron": [10, 10]}, {"cutoff": [6, 5.5]}],
)
def test_settings_outside_are_told(settings_of: dict[str, Any]) -> None:
    inside = as_settings(BASELINE) | {"lambda_f": [1.0]}
    space = make(TABLE)
    assert space.point(inside, inside) is not None
    assert space.point(inside | settings_of, inside) is None


def test_size_of_a_space() -> None:
    assert make({"neuron": [1, 2, 3], "n_max": {"low": [2, 2], "high": [8, 7], "step": [2, 1]}}).size == 3 * 4 * 6
    assert make({"lambda_e": {"low": 0.5, "high": 2, "step": 0.5}}).size == 4
    assert make({"lambda_e": {"low": 0.5, "high": 2}}).size == math.inf


def test_single_numbers_that_grow_have_an_order() -> None:
    pytest.importorskip("optuna")
    assert make({"neuron": [10, 20, 40]}).distributions()["neuron"].high == 2
    assert make({"neuron": [40, 20]}).distributions()["neuron"].choices == ("40", "20")


def loss(values: Any) -> float:
    """A bowl in two keywords; the third means nothing."""
    return 0.1 + abs(values["n_max"][0] - 6) / 10 + abs(math.log(values["lambda_f"][0] / 2)) / 10


def searched(kind: str, seed: int, trials: int) -> list[Point]:
    space = make({k: TABLE[k] for k in ("n_max", "lambda_f", "neuron")})
    history: list[Point] = []
    for number in range(trials):
        values = propose(space, kind, history, {key_of(p.values) for p in history}, seed, number)
        assert values is not None
        history.append(Point(values, (math.log(loss(values)),), {}))
    return history


def test_the_sampler_learns() -> None:
    pytest.importorskip("optuna")
    modelled = [np.mean([p.objectives for p in searched("tpe", seed, 25)[15:]]) for seed in range(3)]
    blind = [np.mean([p.objectives for p in searched("random", seed, 25)[15:]]) for seed in range(3)]
    assert max(modelled) < min(blind)


def test_equal_histories_give_equal_points_and_nothing_twice() -> None:
    pytest.importorskip("optuna")
    first, second = searched("tpe", 5, 14), searched("tpe", 5, 14)
    assert first == second != searched("tpe", 6, 14)
    assert len({key_of(p.values) for p in first}) == 14


def test_points_in_progress_and_forbidden_ones_keep_the_sampler_away() -> None:
    pytest.importorskip("optuna")
    space = make({"n_max": TABLE["n_max"], "lambda_f": TABLE["lambda_f"]})
    known = [Point({"n_max": (n, m), "lambda_f": (1.0,)}, (0.1 * n,), {}) for n in (2, 4, 6, 8) for m in (2, 4, 6, 8)]
    forbidden = [Point(p.values, None if n % 2 else (-9.0,), {"nep.in": 1.0}) for n, p in enumerate(known[:8])]
    history = [*known[8:], *forbidden, Point({"n_max": (2, 4), "lambda_f": (2.0,)}, None, {})]
    drawn = [propose(space, "tpe", history, set(), 1, n) for n in range(12)]
    # the smallest of those that are allowed has n = 6: the forbidden ones are not taken for the best
    assert np.mean([values["n_max"][0] >= 6 for values in drawn if values]) > 0.5


def test_importance_finds_the_keyword_that_matters() -> None:
    pytest.importorskip("optuna")
    generator = np.random.default_rng(0)
    space = make({"n_max": TABLE["n_max"], "lambda_f": TABLE["lambda_f"], "neuron": [10, 20, 40]})
    drawn = [propose(space, "random", [], set(), 2, n) for n in range(40)]
    points = [Point(v, (math.log(v["lambda_f"][0]) + 0.05 * generator.normal(),), {}) for v in drawn if v]
    shares = importances(space, points, draws=12)
    assert shares is not None and shares["lambda_f"][0] > 0.6 > shares["neuron"][0] + shares["neuron"][1]
    assert importances(space, points[:5]) is None


# -- rungs ------------------------------------------------------------------------------------------


def standing(number: int, losses: dict[int, float], **about: Any) -> Standing:
    control, open_ = about.pop("control", False), about.pop("open", False)
    trial = Trial(number, {"neuron": (number,)}, "tpe", sorted(losses) or [0], control)
    return Standing(trial, losses, open_, **about)


@given(
    st.lists(st.floats(0.05, 0.5), min_size=3, max_size=8),
    st.lists(st.floats(-0.3, 1.0), min_size=2, max_size=2),
)
@settings(max_examples=50, deadline=None)
def test_offsets_of_rungs_are_recovered(levels: list[float], shifts: list[float]) -> None:
    """Each trial is on a different set of rungs; losses are exact products."""
    true = [*shifts, 0.0]
    rungs = [(0, 1, 2), (0, 1), (1, 2), (0,), (0, 2), (1,), (0, 1), (2,)]
    losses = [{r: level * math.exp(true[r]) for r in rungs[n]} for n, level in enumerate(levels)]
    offsets = rung_offsets(losses, 3)
    assert offsets == pytest.approx(true, abs=1e-6)
    assert [in_full(known, offsets) for known in losses] == pytest.approx(levels, rel=1e-5)


def test_without_a_training_in_full_nothing_is_shifted() -> None:
    assert rung_offsets([{0: 0.2, 1: 0.1}, {0: 0.3}], 3) == [0.0, 0.0, 0.0]
    assert rung_offsets([], 2) == [0.0, 0.0] and in_full({}, [0.0]) is None


def test_one_of_three_goes_on() -> None:
    rung = {"rungs": 3, "reduction": 3, "speed_too": False, "closing": False}
    standings = [standing(n, {0: 0.1 * n}) for n in (5, 3, 4)]
    promoted = to_promote(standings, **rung)
    assert promoted is not None and (promoted[0].number, promoted[1]) == (3, 1)
    assert to_promote(standings[:2], **rung) is None  # too few
    assert to_promote([*standings[::2], standing(3, {0: 0.3, 1: 0.2})], **rung) is None  # it has gone on already
    slow = [standing(n, {0: 0.1 * n}, violations={"md_speed_min": 0.1}) for n in (5, 3, 4)]
    assert to_promote(slow, **rung) is None
    assert to_promote([standing(1, {0: 0.1}, error="failed"), *standings[:1]], **rung) is None
    last = to_promote(standings[:1], **rung | {"closing": True})
    assert last is not None and last[0].number == 5


def test_both_ends_of_the_front_go_on() -> None:
    rung = {"rungs": 2, "reduction": 2, "speed_too": True, "closing": False}
    standings = [
        standing(n, {0: a}, speed=s) for n, (a, s) in enumerate([(0.3, 9.0), (0.1, 1.0), (0.3, 2.0), (0.4, 8.0)])
    ]
    names = set()
    for _ in range(2):
        promoted = to_promote(standings, **rung)
        assert promoted is not None
        promoted[0].rungs.append(1)
        names.add(promoted[0].number)
    assert names == {0, 1} and to_promote(standings, **rung) is None


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12))
def test_fronts_are_those_of_the_definition(points: list[tuple[int, int]]) -> None:
    numbers = front_numbers(points)
    for point, number in zip(points, numbers, strict=True):
        beaten_by = [
            m for p, m in zip(points, numbers, strict=True) if p != point and p[0] <= point[0] and p[1] <= point[1]
        ]
        assert number == max((m + 1 for m in beaten_by), default=0)


def test_control_trials_tell_what_pruning_lost() -> None:
    promoted = [standing(n, {0: 0.2 + 0.01 * n, 1: 0.1 + 0.01 * n}) for n in range(3)]
    lost, rightly = standing(7, {0: 0.4, 1: 0.05}, control=True), standing(8, {0: 0.5, 1: 0.4}, control=True)
    told = report_pruning([*promoted, lost, rightly, standing(9, {0: 0.6})], 2, 3)
    assert told is not None and told["control"] == ["search-0007", "search-0008"]
    assert told["control_kept"] == 1 and told["control_best"]
    assert told["rank_correlation"] == [{"from": 0, "to": 1, "trials": 5, "coefficient": pytest.approx(0.4)}]
    assert told["prediction_error_percent"] > 50
    assert report_pruning(promoted, 1, 3) is None


# -- speed ------------------------------------------------------------------------------------------


def test_the_job_measures_a_real_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import json

    from models import random_model
    from neptuner.files.extxyz import write_frames
    from neptuner.files.frames import Frame
    from neptuner.study.md.structure import Crystal, structure_of
    from neptuner.study.search.measure_speed import main
    from neptuner.study.search.speed import ATOMS, repeated

    cell = np.diag([4.2, 4.2, 8.4])
    basis = np.array([[x, y, z] for z in (0.0, 2.1, 4.2, 6.3) for x, y in ((0.0, 0.0), (2.1, 2.1))])
    frame = Frame(np.array(["Mg", "O"] * 4), basis, cell)
    large = repeated(Crystal(structure_of(frame), "a test", "none"))
    edges = np.diag(large.cell)
    assert ATOMS <= large.n_atoms < 2 * ATOMS and edges.max() / edges.min() < 1.6
    write_frames(tmp_path / "model.xyz", [large])
    assert read_frames(tmp_path / "model.xyz")[0].n_atoms == large.n_atoms
    random_model(cutoff=(4.0, 3.5)).write(tmp_path / "nep.txt")
    words = [str(tmp_path / name) for name in ("nep.txt", "model.xyz", "speed.json")]
    assert main([*words, "1"]) == 0
    assert json.loads((tmp_path / "speed.json").read_text())["atom_steps_per_s"] > 0
    (tmp_path / "nep.txt").write_text("nonsense\n")
    assert main([*words[:2], str(tmp_path / "other.json"), "1"]) != 0
    assert not (tmp_path / "other.json").exists() and "nep.txt" in capsys.readouterr().err
