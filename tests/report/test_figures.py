from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from synthetic_study import BASE, make_study

from neptuner.errors import InputError
from neptuner.files.nep_txt import read_nep_txt
from neptuner.report import cost, figures, gain_figures, trials
from neptuner.report.data import Results
from neptuner.report.evaluation import evaluate, rmse, values
from neptuner.report.reading import load_results
from neptuner.report.style import render


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return load_results(make_study(tmp_path_factory.mktemp("study") / "s"))


def test_curves_are_means_of_the_files(results: Results) -> None:
    assert results.baseline is not None
    curve = trials.loss_curves(results, results.baseline)["force", "test"]
    tables = [np.loadtxt(folder / "loss.out") for folder in results.folders(results.baseline)]
    np.testing.assert_array_equal(curve.steps, tables[0][:, 0])
    np.testing.assert_allclose(curve.mean, (tables[0][:, 8] + tables[1][:, 8]) / 2)
    np.testing.assert_array_equal(curve.low, np.minimum(tables[0][:, 8], tables[1][:, 8]))
    np.testing.assert_array_equal(curve.high, np.maximum(tables[0][:, 8], tables[1][:, 8]))


def test_columns_of_zeros_are_left_out(tmp_path: Path) -> None:
    study = load_results(make_study(tmp_path / "s", virial=False, test=False, phases=("baseline",)))
    assert study.baseline is not None
    expected = {(q, s) for q in ("energy", "force") for s in ("train", "validation")}
    assert set(trials.loss_curves(study, study.baseline)) == expected
    assert evaluate(study).split == "train"


def test_convergence_of_a_straight_fall() -> None:
    steps = np.arange(100.0, 2001.0, 100.0)
    loss = 1.0 - 1e-4 * steps
    expected = 100 * 1000 * 1e-4 / loss[-5:].mean()
    assert trials.convergence(trials.Curve(steps, loss, loss, loss)) == pytest.approx(expected)
    assert trials.convergence(trials.Curve(steps[:4], loss[:4], loss[:4], loss[:4])) is None


def test_weights_by_block(results: Results) -> None:
    assert results.baseline is not None
    path = results.folders(results.baseline)[0] / "nep.txt"
    values = read_nep_txt(path).values
    parts = trials.weights(results, results.baseline)
    dim, pairs = 5 + 5 * 5, 4 * 5 * 7
    assert [parts[b].size for b in trials.BLOCKS] == [2 * (dim + 2) * BASE["neuron"][0], pairs, pairs]
    body = [parts["network"], values[[parts["network"].size]], parts["radial c"], parts["angular c"], values[-dim:]]
    np.testing.assert_array_equal(np.concatenate(body), values)


def test_parity_rmse(results: Results) -> None:
    assert results.final is not None
    table = np.loadtxt(results.folders(results.final)[0] / "force_test.out")
    expected = np.sqrt(np.mean((table[:, :3] - table[:, 3:]) ** 2))
    assert rmse(evaluate(results).models[-1], "force") == pytest.approx(expected)


def test_missing_trial_is_named(results: Results) -> None:
    assert results.baseline is not None
    with pytest.raises(InputError, match=r"loss\.out"):
        trials.loss_curves(replace(results, folder=results.folder / "gone"), results.baseline)
    with pytest.raises(InputError, match="no trial directory for baseline"):
        trials.loss_curves(results, replace(results.baseline, runs=()))


def test_pareto_front() -> None:
    points = [cost.Point(t, loss, "g", "", False) for t, loss in [(3, 1), (1, 5), (2, 6), (2, 3), (4, 1), (1, 7)]]
    assert [(p.seconds, p.loss) for p in cost.pareto_front(points)] == [(1, 5), (2, 3), (3, 1)]


def test_cost_labels_do_not_overlap(results: Results) -> None:
    points = cost.cost_points(results)
    assert len(points) == len(results.configurations)
    figure = cost.cost_against_accuracy(points, "test", results.last_rows)
    boxes = [t.get_window_extent() for t in figure.axes[0].texts]
    assert {"baseline", "combined", "combined-extended"} <= {t.get_text() for t in figure.axes[0].texts}
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_gain_bars_show_the_reductions(results: Results) -> None:
    parameter = results.sweep[0]
    figure = gain_figures.gain_bars(parameter, results)
    axes = figure.axes[0]
    heights = sorted(p.get_height() for c in axes.containers if hasattr(c, "patches") for p in c.patches)
    expected = sorted(c.reduction_of("force", s).avg for c in parameter.values for s in ("train", "validation", "test"))
    np.testing.assert_allclose(heights, expected)
    assert [t.get_text() for t in axes.get_xticklabels()] == ["2 2", "6 6", "8 6"]


def test_every_axis_has_a_label(results: Results) -> None:
    assert results.baseline is not None
    curves = trials.loss_curves(results, results.baseline)
    model = evaluate(results).models[0]
    drawn = [
        figures.baseline_curves(curves),
        figures.phase_curves([(results.baseline, curves["force", "test"])], "test"),
        *(figures.parity([("baseline", *values(model, q))], q, "test") for q in ("energy", "force", "virial")),
        figures.element_bars([("baseline", {"Te": 0.1, "Pb": 0.2})]),
        gain_figures.gain_bars(results.sweep[1], results),
    ]
    for figure in drawn:
        for axes in figure.axes:
            assert axes.get_ylabel()
            assert axes.get_xlabel() or axes.get_label() == "<colorbar>"


def test_drawing_is_deterministic_and_leaves_settings_alone(results: Results) -> None:
    before = dict(matplotlib.rcParams)
    rng = np.random.default_rng(3)
    panel = ("baseline", rng.standard_normal((30, 3)), rng.standard_normal((30, 3)))
    for kind in ("svg", "png", "pdf"):
        first, second = (render(figures.parity([panel], "force", "test"), kind) for _ in range(2))
        assert first == second
    assert dict(matplotlib.rcParams) == before


def test_degenerate_numbers_can_be_drawn() -> None:
    zeros = np.zeros(3)
    one = np.ones(1)
    svg = render(figures.parity([("flat", zeros, zeros)], "force", "test"), "svg")
    svg += render(figures.weight_histograms([("flat", dict.fromkeys(trials.BLOCKS, zeros))]), "svg")
    svg += render(figures.baseline_curves({("force", "train"): trials.Curve(one, one, one, one)}), "svg")
    assert svg.count(b"<svg") == 3
