"""The verdict in words: what was gained, how sure that is, and what is still open."""

from __future__ import annotations

from dataclasses import dataclass

from neptuner.report import numbers
from neptuner.report.data import Configuration, Results
from neptuner.report.noise import gain_interval, noise_floor, row_scatter
from neptuner.report.style import unit_of
from neptuner.report.tables import state_of

BETTER, WORSE, SAME, OPEN = "better", "worse", "same", "open"


@dataclass(frozen=True)
class Verdict:
    """The answer in one sentence, its kind, and the sentences that qualify it."""

    kind: str
    lead: str
    details: tuple[str, ...]


@dataclass(frozen=True)
class Gain:
    """One configuration against another, by the metric and strategy of the study; in per cent but the losses."""

    split: str
    before: float
    after: float
    percent: float
    sd: float | None
    floor: float | None
    scatter: float | None
    half: float | None = None
    """Half the 95 % interval of the gain, in per cent."""

    @property
    def kind(self) -> str:
        """``same`` within the noise floor (or the scatter of rows, without one); ``open`` while unsettled."""
        size = abs(self.percent)
        if size <= (self.floor if self.floor is not None else self.scatter or 0.0):
            return SAME
        if self.floor is None or size <= (self.half or 0.0):
            return OPEN
        return BETTER if self.percent > 0 else WORSE


def judge(results: Results) -> Verdict:
    """Write the verdict of a study, finished or not."""
    gain = combined_gain(results)
    if gain is None:
        return Verdict(OPEN if not results.nothing_won else SAME, _lead_without_combined(results), _without(results))
    details = [
        _noise_sentence(gain),
        _choice_sentence(results),
        _extended_sentence(results),
        _side_sentence(results),
        _missing_sentence(results),
    ]
    return Verdict(gain.kind, _lead(results, gain), tuple(d for d in details if d))


def combined_gain(results: Results) -> Gain | None:
    """Compare the combined model with the baseline; None while either is missing."""
    base, combined, split = results.baseline, results.combined, results.judged_split
    if base is None or combined is None:
        return None
    before = base.loss_of(results.metric, split).value(results.strategy)
    after = combined.loss_of(results.metric, split).value(results.strategy)
    reduction = combined.reduction_of(results.metric, split)
    percent = reduction.value(results.strategy)
    if before is None or after is None or percent is None:
        return None
    return Gain(
        split, before, after, percent, reduction.sd(results.strategy),
        noise_floor(results, base, split), row_scatter(results, base, split),
        gain_interval(results, base, reduction.sd(results.strategy), len(combined.runs), split),
    )  # fmt: skip


def loss_name(results: Results, split: str) -> str:
    """Name the loss winners are chosen by, for example ``test force loss (AVG of the last 10 rows)``."""
    return f"{split} {results.metric} loss ({results.strategy.upper()} of the last {results.last_rows} rows)"


def _lead(results: Results, gain: Gain) -> str:
    verb = "lowers" if gain.percent > 0 else "raises"
    number = numbers.percent(abs(gain.percent), gain.sd, sign=False)
    replicates = numbers.several(len(results.combined.runs) if results.combined else 0, "replicate")
    before, after = numbers.loss(results.metric, gain.before), numbers.loss(results.metric, gain.after)
    sentence = (
        f"The combined model {verb} the {loss_name(results, gain.split)} by {number} ({replicates}) "
        f"against the baseline: {before} → {after} {unit_of(results.metric)}."
    )
    return f"No difference beyond the noise. {sentence}" if gain.kind == SAME else sentence


def _noise_sentence(gain: Gain) -> str:
    scatter = (
        f"the rows it is taken over scatter by {numbers.spread(gain.scatter)} within a run"
        if gain.scatter is not None
        else ""
    )
    if gain.floor is None:
        tail = f" ({scatter})" if scatter else ""
        return (
            f"The noise is unknown: with one replicate nobody can tell this gain from the luck of a "
            f"seed{tail}. Repeat with replicates = 3 or more before relying on it."
        )
    floor = numbers.spread(gain.floor)
    head = f"The noise floor, the standard deviation of the baseline's replicates, is {floor}"
    head += f"; {scatter}." if scatter else "."
    if gain.kind == SAME:
        return f"{head} The difference lies within it, so the two models count as equal."
    if gain.half is not None:
        low, high = (numbers.percent(gain.percent + side * gain.half) for side in (-1, 1))
        head += f" The gain's 95 % interval is {low} to {high}."
    if gain.kind == OPEN:
        return f"{head} Zero is not excluded, so whether there is a gain is not settled; more replicates would tell."
    times = abs(gain.percent) / gain.floor if gain.floor else 0.0
    return f"{head} The difference is {times:.{0 if times >= 10 else 1}f} times the floor." if times else head


def _choice_sentence(results: Results) -> str:
    changes = [f"{p.name} {p.baseline_value} → {p.best_value}" for p in results.sweep if p.chosen]
    head = "Chosen on validation"
    head += "; the test set had no part in it." if results.judged_split == "test" else "."
    if results.judged_split != "test":
        head += " There is no test set: the number above is on the frames that chose, and flatters the choice."
    return f"{head} The combined model takes {numbers.listing(changes)}." if changes else head


def extended_gain(results: Results) -> Gain | None:
    """Compare combined-extended with baseline-extended; None while either is missing."""
    base, combined, split = results.baseline_extended, results.combined_extended, results.judged_split
    if base is None or combined is None:
        return None
    losses = [c.loss_of(results.metric, split) for c in (base, combined)]
    before, after = (loss.value(results.strategy) for loss in losses)
    if not before or after is None:
        return None
    spread = losses[1].sd(results.strategy)
    sd = None if spread is None else 100 * spread / before
    return Gain(
        split, before, after, 100 * (before - after) / before, sd,
        noise_floor(results, base, split), row_scatter(results, base, split),
        gain_interval(results, base, sd, len(combined.runs), split),
    )  # fmt: skip


def _extended_sentence(results: Results) -> str:
    gain = extended_gain(results)
    if gain is None:
        return ""
    ends = {
        BETTER: "so the combined model is better, not only faster",
        SAME: "within the noise, so the combined model learns faster but does not end better",
        WORSE: "so the gain of the shorter training does not last",
        OPEN: "but whether it is better or only faster is not settled by these replicates",
    }
    factor = f"{results.steps_factor:g} times " if results.steps_factor else ""
    before, after = numbers.loss(results.metric, gain.before), numbers.loss(results.metric, gain.after)
    return (
        f"Trained {factor}longer, the baseline reaches {before} and the combined model {after} "
        f"{unit_of(results.metric)} ({numbers.percent(gain.percent, gain.sd)}), {ends[gain.kind]}."
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
        gain = numbers.percent(best.gain, best.gain_sd)
        details.append(
            f"The best single change {'so far ' if not results.finished else ''}is {best.name} "
            f"{best.baseline_value} → {best.best_value}: {gain} on validation."
        )
    floor = noise_floor(results, results.baseline, results.judged_split)
    if floor is not None:
        details.append(
            f"The noise floor, the standard deviation of the baseline's replicates, is {numbers.spread(floor)}."
        )
    elif results.has_baseline:
        details.append("The noise is unknown: the baseline has one replicate.")
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
