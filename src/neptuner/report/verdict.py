"""The verdict in words: what was gained, how sure that is, and what is still open."""

from __future__ import annotations

from dataclasses import dataclass

from neptuner.report import numbers
from neptuner.report.data import Configuration, Results
from neptuner.report.noise import LONG_BASELINE, extended_pair, floor_of, gain_of, judged_of
from neptuner.report.statistics_data import Judged
from neptuner.report.style import unit_of
from neptuner.report.tables import state_of

BETTER, WORSE, SAME, OPEN = "better", "worse", "same", "open"
KINDS = {"better": BETTER, "worse": WORSE, "no difference": SAME, "not settled": OPEN}


@dataclass(frozen=True)
class Verdict:
    """The answer in one sentence, its kind, and the sentences that qualify it."""

    kind: str
    lead: str
    details: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """One model against another, by the metric and strategy of the study."""

    before: float
    after: float
    """Losses, means over replicates."""
    judged: Judged

    @property
    def kind(self) -> str:
        """Kind of the verdict."""
        return KINDS[self.judged.verdict]


def judge(results: Results) -> Verdict:
    """Write the verdict of a study, finished or not."""
    found = combined_gain(results)
    if found is None:
        return Verdict(OPEN if not results.nothing_won else SAME, _lead_without_combined(results), _without(results))
    details = [
        _noise_sentence(results, found),
        _choice_sentence(results),
        _single_sentence(results),
        _extended_sentence(results),
        results.faster,
        _side_sentence(results),
        _missing_sentence(results),
    ]
    return Verdict(found.kind, _lead(results, found), tuple(d for d in details if d))


def combined_gain(results: Results) -> Comparison | None:
    """Compare the combined model with the baseline; None while either is missing."""
    return _compared(results, results.baseline, results.combined)


def extended_gain(results: Results) -> Comparison | None:
    """Compare combined-extended with baseline-extended; None while either is missing."""
    return _compared(results, results.baseline_extended, results.combined_extended)


def _compared(results: Results, base: Configuration | None, other: Configuration | None) -> Comparison | None:
    if base is None or other is None:
        return None
    losses = [c.loss_of(results.metric, results.judged_split).value(results.strategy) for c in (base, other)]
    judged = extended_pair(results) if base.name == LONG_BASELINE else judged_of(results, other)
    if losses[0] is None or losses[1] is None or judged is None:
        return None
    return Comparison(losses[0], losses[1], judged)


def loss_name(results: Results, split: str) -> str:
    """Name the loss winners are chosen by, for example ``test force loss (AVG of the last 10 rows)``."""
    return f"{split} {results.metric} loss ({results.strategy.upper()} of the last {results.last_rows} rows)"


def _lead(results: Results, found: Comparison) -> str:
    gain = found.judged.gain
    verb = "lowers" if gain.gain > 0 else "raises"
    before, after = numbers.loss(results.metric, found.before), numbers.loss(results.metric, found.after)
    ends = numbers.interval(gain.low, gain.high)
    sure = f"95 % interval of the gain {ends}, " if ends else ""
    sentence = (
        f"The combined model {verb} the {loss_name(results, results.judged_split)} by "
        f"{numbers.percent(abs(gain.gain), sign=False)} ({sure}{numbers.several(gain.pairs, 'replicate')}) "
        f"against the baseline: {before} → {after} {unit_of(results.metric)}."
    )
    heads = {SAME: "No difference beyond the noise. ", OPEN: "Not settled. "}
    return heads.get(found.kind, "") + sentence


def _noise_sentence(results: Results, found: Comparison) -> str:
    judged, floor = found.judged, floor_of(results)
    if not results.statistics.known:
        return (
            "This study was judged by an earlier version, which leaves no intervals; give the command "
            "`neptuner study` again to have them."
        )
    if floor is None or judged.adjusted_p is None:
        return (
            "The noise is unknown: with one replicate nobody can tell this gain from the luck of a "
            f"seed{_scatter_words(results, ' (', ')')}. Repeat with replicates = 3 or more before relying on it."
        )
    head = f"The noise floor, the standard deviation of the baseline's replicates, is {numbers.spread(floor)}"
    head += f"{_scatter_words(results, '; ', '')}."
    return f"{head} {_sureness(judged, found.kind)}"


def _sureness(judged: Judged, kind: str) -> str:
    p = numbers.probability(judged.adjusted_p)
    return {
        SAME: f"The whole interval lies within the noise floor, or within 1 % ({p}), so the two models count as equal.",
        OPEN: f"Luck is not ruled out ({p}), so whether there is a gain is open; more replicates would tell.",
    }.get(kind, f"Luck is ruled out as far as replicates can tell ({p}).")


def _scatter_words(results: Results, opening: str, closing: str) -> str:
    within = results.statistics.floor(results.judged_split).last_rows_sd_percent
    if within is None:
        return ""
    return f"{opening}the rows it is taken over scatter by {numbers.spread(within)} within a run{closing}"


def _choice_sentence(results: Results) -> str:
    changes = [f"{p.name} {p.baseline_value} → {p.best_value}" for p in results.sweep if p.chosen]
    head = "Chosen on validation"
    head += "; the test set had no part in it." if results.judged_split == "test" else "."
    if results.judged_split != "test":
        head += " There is no test set: the number above is on the frames that chose, and flatters the choice."
    return f"{head} The combined model takes {numbers.listing(changes)}." if changes else head


def _single_sentence(results: Results) -> str:
    """Say so where one change alone does better than all winners together, by more than the noise."""
    best = max((p for p in results.sweep if p.chosen), key=lambda p: p.gain or 0.0, default=None)
    alone = gain_of(results, best.best_configuration, "validation") if best and best.best_configuration else None
    together = gain_of(results, results.combined, "validation") if results.combined else None
    floor = floor_of(results, "validation")
    if best is None or alone is None or together is None or floor is None or alone.gain - together.gain <= floor:
        return ""
    return (
        f"The winners do not go together: {best.name} {best.best_value} alone gains {numbers.gain(alone)} on "
        f"validation, the combined model {numbers.gain(together)}. Take the single change, or combine fewer of them: "
        "the ablation tells which are better left out."
    )


def _extended_sentence(results: Results) -> str:
    found = extended_gain(results)
    if found is None:
        return ""
    ends = {
        BETTER: "so the combined model is better, not only faster",
        SAME: "no more than the noise, so the combined model learns faster but does not end better",
        WORSE: "so the gain of the shorter training does not last",
        OPEN: "but whether it is better or only faster is not settled by these replicates",
    }
    factor = f"{results.steps_factor:g} times " if results.steps_factor else ""
    before, after = numbers.loss(results.metric, found.before), numbers.loss(results.metric, found.after)
    gain, p = found.judged.gain, numbers.probability(found.judged.adjusted_p)
    interval = numbers.interval(gain.low, gain.high)
    sure = f", 95 % interval {interval}, {p}" if interval else ""
    return (
        f"Trained {factor}longer, the baseline reaches {before} and the combined model {after} "
        f"{unit_of(results.metric)} ({numbers.percent(gain.gain)}{sure}), {ends[found.kind]}."
    )


def _side_sentence(results: Results) -> str:
    """Say what happened to the quantities that were not optimised for, and to the cost."""
    base, combined, split = results.baseline, results.combined, results.judged_split
    if base is None or combined is None:
        return ""
    parts = []
    for quantity in ("energy", "force", "virial"):
        before, after = base.rmse.get((quantity, split)), combined.rmse.get((quantity, split))
        if before is not None and after is not None:
            values = f"{numbers.loss(quantity, before)} → {numbers.loss(quantity, after)} {unit_of(quantity)}"
            parts.append(f"{quantity} {values}")
    errors = f"Whole-set {split} RMSE of the kept models: {numbers.listing(parts)}." if parts else ""
    return f"{errors} {_cost_sentence(base, combined)}".strip()


def _cost_sentence(base: Configuration, combined: Configuration) -> str:
    parts = []
    if base.parameters and combined.parameters:
        parts.append(f"{numbers.count(base.parameters)} → {numbers.count(combined.parameters)} parameters")
    if base.seconds and combined.seconds:
        parts.append(f"{numbers.seconds(base.seconds)} → {numbers.seconds(combined.seconds)} s of training a run")
    return f"Cost: {numbers.listing(parts)}." if parts else ""


def _lead_without_combined(results: Results) -> str:
    if not results.has_baseline:
        failed = any(r.name == "baseline" and r.state == "failed" for r in results.runs)
        reason = "every run of the baseline has failed so far" if failed else "the baseline has not been run yet"
        return f"No verdict yet: {reason}."
    if results.nothing_won:
        return (
            "The baseline stands: no value tried of any hyper-parameter lowers its "
            f"{loss_name(results, 'validation')}, so there is no combined model."
        )
    if not results.sweep:
        return "No verdict: no hyper-parameter was swept, so there is nothing to compare the baseline with."
    reason = next((sentence for identifier, sentence in results.failed if identifier == "combined"), "")
    if reason:
        return f"No verdict: the winners cannot be combined ({reason})."
    if results.finished:
        return "No verdict: the study has ended without a combined model."
    return "No verdict yet: the combined model has not been run yet."


def _without(results: Results) -> tuple[str, ...]:
    details = []
    done = [p for p in results.sweep if p.gain is not None]
    if done:
        best = max(done, key=lambda p: p.gain or 0.0)
        configuration = best.best_configuration
        gain = gain_of(results, configuration, "validation") if configuration is not None else None
        details.append(
            f"The best single change {'so far ' if not results.finished else ''}is {best.name} "
            f"{best.baseline_value} → {best.best_value}: {numbers.gain(gain)} on validation."
        )
    floor = floor_of(results)
    if floor is not None:
        details.append(
            f"The noise floor, the standard deviation of the baseline's replicates, is {numbers.spread(floor)}."
        )
    elif results.has_baseline:
        details.append("The noise is unknown: it takes two replicates of the baseline.")
    details.append(_missing_sentence(results))
    return tuple(d for d in details if d)


def _missing_sentence(results: Results) -> str:
    if results.finished:
        return ""
    missing = [name for name, c in results.slots if c is None or not c.done]
    missing = [name for name in missing if state_of(results, name) in ("running", "not run yet")]
    swept = [p.name for p in results.sweep if not all(c.done for c in p.values)]
    parts = missing + [f"part of the sweep of {name}" for name in swept]
    return f"Not run yet: {numbers.listing(parts)}." if parts else "Some runs are still to be made."
