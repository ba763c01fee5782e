from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from synthetic_study import make_study

from neptuner.report.data import Results, load_results
from neptuner.report.noise import half_interval, noise_floor, row_scatter
from neptuner.report.verdict import Gain, combined_gain, judge


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return load_results(make_study(tmp_path_factory.mktemp("study") / "s", replicates=3))


def gain(percent: float, floor: float | None, scatter: float, half: float | None) -> Gain:
    return Gain("test", 0.15, 0.15 * (1 - percent / 100), percent, 0.1, floor, scatter, half)


@pytest.mark.parametrize(
    ("percent", "floor", "scatter", "half", "kind"),
    [
        (5.0, 1.0, 9.0, 2.0, "better"),
        (5.0, 1.0, 9.0, 6.0, "open"),
        (-5.0, 1.0, 9.0, 2.0, "worse"),
        (0.9, 1.0, 0.1, 0.5, "same"),
        (-0.9, 1.0, 0.1, 0.5, "same"),
        (2.0, None, 3.0, None, "same"),
        (4.0, None, 3.0, None, "open"),
    ],
)
def test_kind_needs_more_than_the_noise(
    percent: float, floor: float | None, scatter: float, half: float | None, kind: str
) -> None:
    assert gain(percent, floor, scatter, half).kind == kind


def test_interval_of_a_difference() -> None:
    # Student's t of 4 degrees of freedom at 97.5 %, from a printed table.
    assert half_interval((3.0, 4.0), (3, 3)) == pytest.approx(2.776 * 5 / 3**0.5, rel=1e-3)
    assert half_interval((3.0, 4.0), (3, 1)) is None
    assert half_interval((None, 4.0), (3, 3)) is None


def test_finished_study(full: Results) -> None:
    verdict = judge(full)
    found = combined_gain(full)
    assert found is not None
    assert verdict.kind == "better"
    assert verdict.lead.startswith("The combined model lowers the test force loss (AVG of the last 10 rows) by ")
    assert f"{found.percent:.1f} ± {found.sd:.1f} % (3 replicates)" in verdict.lead
    assert f"{found.before:.4f} → {found.after:.4f} eV/Å" in verdict.lead
    everything = " ".join(verdict.details)
    assert "noise floor" in everything
    assert "Chosen on validation; the test set had no part in it." in everything
    assert "n_max 4 4 → 6 6 and neuron 20 → 40" in everything
    assert "better, not only faster" in everything


def test_within_the_floor_is_no_difference(full: Results) -> None:
    assert full.baseline is not None
    loss = full.baseline.loss_of("force", "test")
    noisy = replace(full.baseline, loss={**full.baseline.loss, ("force", "test"): replace(loss, avg_sd=0.2 * loss.avg)})
    verdict = judge(replace(full, baseline=noisy))
    assert verdict.kind == "same"
    assert verdict.lead.startswith("No difference beyond the noise.")
    assert "count as equal" in verdict.details[0]


def test_larger_than_floor_but_not_settled(full: Results) -> None:
    assert full.combined is not None
    found = full.combined.reduction_of("force", "test")
    wide = replace(full.combined, reduction={("force", "test"): replace(found, avg_sd=50.0)})
    verdict = judge(replace(full, combined=wide))
    assert verdict.kind == "open"
    assert "not settled" in verdict.details[0]


def test_gain_that_does_not_last(full: Results) -> None:
    swapped = replace(full, baseline_extended=full.combined_extended, combined_extended=full.baseline_extended)
    assert "does not last" in " ".join(judge(swapped).details)


def test_noise_of_the_baseline(full: Results) -> None:
    assert full.baseline is not None
    loss = full.baseline.loss_of("force", "test")
    assert loss.avg is not None
    assert loss.avg_sd is not None
    assert noise_floor(full, full.baseline, "test") == pytest.approx(100 * loss.avg_sd / loss.avg)
    ratios = [100 * r.scatter["force", "test"][1] / r.scatter["force", "test"][0] for r in full.runs[:3]]
    assert row_scatter(full, full.baseline, "test") == pytest.approx(sum(ratios) / 3)


def test_one_replicate_leaves_the_noise_unknown(tmp_path: Path) -> None:
    results = load_results(make_study(tmp_path / "s", replicates=1))
    assert noise_floor(results, results.baseline, "test") is None
    verdict = judge(results)
    assert verdict.kind == "open"
    assert "±" not in verdict.lead
    assert "(1 replicate)" in verdict.lead
    assert verdict.details[0].startswith("The noise is unknown")


def test_without_test_set(tmp_path: Path) -> None:
    verdict = judge(load_results(make_study(tmp_path / "s", test=False, virial=False)))
    assert "validation force loss" in verdict.lead
    assert "There is no test set" in " ".join(verdict.details)
    assert "virial" not in " ".join(verdict.details)


@pytest.mark.parametrize(
    ("phases", "lead", "missing"),
    [
        (("none",), "the baseline has not been run yet", "baseline, combined, baseline-extended"),
        (("baseline",), "the combined model has not been run yet", "combined, baseline-extended"),
        (("baseline", "sweep"), "the combined model has not been run yet", "baseline-extended and combined-extended"),
        (("baseline", "sweep", "combined"), "combined model lowers", "baseline-extended and combined-extended"),
    ],
)
def test_unfinished(tmp_path: Path, phases: tuple[str, ...], lead: str, missing: str) -> None:
    verdict = judge(load_results(make_study(tmp_path / "s", phases=phases)))
    assert lead in verdict.lead
    assert f"Not run yet: {missing}" in verdict.details[-1] or missing in verdict.details[-1]


def test_no_winner(tmp_path: Path) -> None:
    verdict = judge(load_results(make_study(tmp_path / "s", sweep={"n_max": {"2 2": 1.1}})))
    assert verdict.kind == "same"
    assert verdict.lead.startswith("The baseline stands")


def test_failed_baseline(tmp_path: Path) -> None:
    verdict = judge(load_results(make_study(tmp_path / "s", failing=("baseline",), phases=("baseline",))))
    assert verdict.lead == "No verdict yet: every run of the baseline has failed so far."


def test_winners_that_cannot_be_combined(full: Results) -> None:
    failed = (("combined", "cutoff is smaller than allowed"),)
    verdict = judge(replace(full, combined=None, combined_extended=None, failed=failed))
    assert verdict.lead == "No verdict: the winners cannot be combined (cutoff is smaller than allowed)."


def test_no_sweep(full: Results) -> None:
    lonely = replace(full, combined=None, combined_extended=None, sweep=())
    assert judge(lonely).lead.startswith("No verdict: no hyper-parameter was swept")
