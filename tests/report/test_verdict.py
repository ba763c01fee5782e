from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from synthetic_study import make_study

from neptuner.report.data import Results
from neptuner.report.noise import extended_pair, floor_of
from neptuner.report.reading import load_results
from neptuner.report.verdict import combined_gain, judge


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return load_results(make_study(tmp_path_factory.mktemp("study") / "s", replicates=3))


def judged_as(results: Results, verdict: str, **changes: Any) -> Results:
    """The study with another verdict on its combined model."""
    found = results.statistics.verdicts["combined"]
    found = replace(found, verdict=verdict, gain=replace(found.gain, **changes))
    return replace(
        results, statistics=replace(results.statistics, verdicts={**results.statistics.verdicts, "combined": found})
    )


def test_finished_study(full: Results) -> None:
    verdict = judge(full)
    found = combined_gain(full)
    assert found is not None
    assert verdict.kind == "better"
    assert verdict.lead.startswith("The combined model lowers the test force loss (AVG of the last 10 rows) by ")
    gain = found.judged.gain
    assert gain.low is not None and gain.high is not None
    interval = f"95 % interval of the gain {gain.low:+.1f} to {gain.high:+.1f} %"
    assert f"by {gain.gain:.1f} % ({interval}, 3 replicates)" in verdict.lead
    assert f"{found.before:.4f} → {found.after:.4f} eV/Å" in verdict.lead
    everything = " ".join(verdict.details)
    assert "noise floor" in everything
    assert "Chosen on validation; the test set had no part in it." in everything
    assert "n_max 4 4 → 6 6 and neuron 20 → 40" in everything
    assert "better, not only faster" in everything


def test_single_change_that_does_better_than_all_together(full: Results) -> None:
    assert "do not go together" not in " ".join(judge(full).details)
    key = ("combined", full.metric, "validation", full.strategy)
    gains = {**full.statistics.gains, key: replace(full.statistics.gains[key], gain=0.3, low=-1.0, high=1.6)}
    details = " ".join(judge(replace(full, statistics=replace(full.statistics, gains=gains))).details)
    best = max(full.sweep, key=lambda p: p.gain or 0.0)
    assert f"The winners do not go together: {best.name} {best.best_value} alone gains +" in details
    assert "the combined model +0.3 % (\u22121.0 to +1.6 %)" in details


def test_no_difference(full: Results) -> None:
    verdict = judge(judged_as(full, "no difference"))
    assert verdict.kind == "same"
    assert verdict.lead.startswith("No difference beyond the noise.")
    assert "count as equal" in verdict.details[0]


def test_not_settled(full: Results) -> None:
    verdict = judge(judged_as(full, "not settled", gain=3.0, low=-5e40, high=40.0))
    assert verdict.kind == "open"
    assert verdict.lead.startswith("Not settled. The combined model lowers")
    assert "below \u22121000 to +40.0 %" in verdict.lead
    assert "Luck is not ruled out" in verdict.details[0]


def test_worse(full: Results) -> None:
    verdict = judge(judged_as(full, "worse", gain=-5.0, low=-7.0, high=-3.0))
    assert verdict.kind == "worse"
    assert "raises the test force loss (AVG of the last 10 rows) by 5.0 %" in verdict.lead


def test_gain_that_does_not_last(full: Results) -> None:
    other = {"baseline-extended": "combined-extended", "combined-extended": "baseline-extended"}
    swapped = replace(
        full,
        baseline_extended=full.combined_extended and replace(full.combined_extended, name="baseline-extended"),
        combined_extended=full.baseline_extended and replace(full.baseline_extended, name="combined-extended"),
        runs=tuple(replace(run, name=other.get(run.name, run.name)) for run in full.runs),
    )
    assert "does not last" in " ".join(judge(swapped).details)


def test_extended_pair_is_compared_over_common_seeds(full: Results) -> None:
    losses = {
        name: [r.loss_of("force", "test").avg for r in full.runs if r.name == f"{name}-extended"]
        for name in ("baseline", "combined")
    }
    found = extended_pair(full)
    assert found is not None and found.gain.low is not None and found.gain.high is not None
    assert found.gain.gain == pytest.approx(100 * (1 - np.mean(losses["combined"]) / np.mean(losses["baseline"])))
    assert found.gain.low < found.gain.gain < found.gain.high and found.gain.pairs == 3
    first = tuple(r for r in full.runs if not (r.phase == "extended" and r.replicate))
    alone = extended_pair(replace(full, runs=first))
    assert alone is not None and (alone.verdict, alone.gain.low, alone.adjusted_p) == ("not settled", None, None)
    assert extended_pair(replace(full, runs=tuple(r for r in full.runs if r.name != "combined-extended"))) is None


def test_one_replicate_leaves_the_noise_unknown(tmp_path: Path) -> None:
    results = load_results(make_study(tmp_path / "s", replicates=1))
    assert floor_of(results) is None
    verdict = judge(results)
    assert verdict.kind == "open"
    assert "±" not in verdict.lead
    assert "(1 replicate)" in verdict.lead
    assert verdict.details[0].startswith("The noise is unknown")
    assert "scatter by" in verdict.details[0]


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
