"""What the results of a study say, and how surely: the part ``statistics`` of ``results.json``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import numpy as np

from neptuner.study.judge import QUANTITIES, SPLITS, Strategy
from neptuner.study.plan import ABLATION, LEARNING_CURVE, Configuration
from neptuner.study.spec import StudySpec
from neptuner.study.state import StudyState
from neptuner.study.statistics.gains import Gain, NoiseFloor, judged, noise_floor, paired_gains, rank_stability
from neptuner.study.statistics.interactions import interaction, removals
from neptuner.study.statistics.replication import adjusted

STRATEGIES: tuple[Strategy, ...] = ("min", "avg")

Losses = dict[str, dict[int, float]]


def losses_of(
    state: StudyState, configurations: Iterable[Configuration], quantity: str, split: str, strategy: Strategy
) -> Losses:
    """Losses of one quantity on one split by configuration and seed, as far as they are measured."""
    found: Losses = {}
    for configuration in configurations:
        tails = {r.run.seed: r.outcome.tails[quantity][split] for r in state.of(configuration) if r.outcome is not None}
        found[configuration.name] = {seed: getattr(tail, strategy) for seed, tail in tails.items() if tail is not None}
    return found


def looks(spec: StudySpec) -> int:
    """How often a decision may be looked at: once, and once more after each further replicate."""
    return max(0, spec.most_replicates - spec.replicates) + 1


def assess(state: StudyState, spec: StudySpec) -> dict[str, Any]:
    """Judge everything that is measured now; see ``docs/results.md``."""
    compared = comparable(state)
    judged_split = "test" if _has(state, spec, "test") else "validation"
    return {
        "split": judged_split,
        "looks": looks(spec),
        "noise_floor": {split: _plain(_floor(state, spec, compared, split)) for split in SPLITS},
        "gains": _gains(state, compared),
        "verdicts": _verdicts(state, spec, compared, judged_split),
        "stability": _stability(state, spec),
        "interaction": _interaction(state, spec, compared, judged_split),
        "ablation": _removals(state, spec, compared, judged_split),
    }


def comparable(state: StudyState) -> list[Configuration]:
    """Configurations trained as long as the baseline and on the same frames."""
    steps = state.plan.baseline.steps
    return [c for c in state.configurations.values() if c.steps == steps and c.phase not in (LEARNING_CURVE, "search")]


def _has(state: StudyState, spec: StudySpec, split: str) -> bool:
    return state.baseline()[spec.metric][split] is not None


def _gains(state: StudyState, compared: list[Configuration]) -> dict[str, Any]:
    """Every comparison with the baseline: ``[name][quantity][split][strategy]``; None where it cannot be made."""
    found: dict[str, Any] = {
        c.name: {q: {s: dict.fromkeys(STRATEGIES) for s in SPLITS} for q in QUANTITIES}
        for c in compared
        if c.name != state.plan.baseline.name
    }
    for quantity in QUANTITIES:
        for split in SPLITS:
            for strategy in STRATEGIES:
                for name, gain in _paired(state, compared, quantity, split, strategy).items():
                    found[name][quantity][split][strategy] = asdict(gain)
    return found


def _paired(
    state: StudyState, compared: list[Configuration], quantity: str, split: str, strategy: Strategy
) -> dict[str, Gain]:
    losses = losses_of(state, compared, quantity, split, strategy)
    return paired_gains(losses, state.plan.baseline.name) if losses else {}


def _floor(state: StudyState, spec: StudySpec, compared: list[Configuration], split: str) -> NoiseFloor | None:
    losses = losses_of(state, compared, spec.metric, split, spec.strategy)
    if not losses.get(state.plan.baseline.name):
        return None
    tails = [r.outcome.tails[spec.metric][split] for r in state.of(state.plan.baseline) if r.outcome is not None]
    within = [tail.sd for tail in tails if tail is not None and tail.sd is not None]
    mean = float(np.mean(within)) if within else None
    return noise_floor(losses, state.plan.baseline.name, mean, comparisons=max(1, len(compared) - 1))


def _verdicts(
    state: StudyState, spec: StudySpec, compared: list[Configuration], split: str
) -> dict[str, dict[str, Any]]:
    """Judgement of every configuration, p adjusted within its phase."""
    gains = _paired(state, compared, spec.metric, split, spec.strategy)
    floor = _floor(state, spec, compared, split)
    spread = floor.replicate_sd_percent if floor is not None else None
    found = {}
    for phase in dict.fromkeys(c.phase for c in compared):
        family = {c.name: gains[c.name] for c in compared if c.phase == phase and c.name in gains}
        p_values = adjusted(family, looks(spec))
        for name, gain in family.items():
            p = p_values.get(name)
            found[name] = {"gain": asdict(gain), "adjusted_p": p, "verdict": judged(gain, p, spread)}
    return found


def _stability(state: StudyState, spec: StudySpec) -> dict[str, dict[str, float]]:
    """How often each value of a parameter, or the baseline, would be the best of them on validation."""
    found = {}
    for parameter in state.plan.sweep:
        candidates = [state.plan.baseline, *parameter.values]
        losses = losses_of(state, candidates, spec.metric, "validation", spec.strategy)
        if losses[state.plan.baseline.name]:
            found[parameter.keyword] = rank_stability(losses, [c.name for c in candidates], seed=spec.seed)
    return found


def _interaction(
    state: StudyState, spec: StudySpec, compared: list[Configuration], split: str
) -> dict[str, Any] | None:
    if state.combined is None:
        return None
    losses = losses_of(state, compared, spec.metric, split, spec.strategy)
    found = interaction(losses, state.plan.baseline.name, state.combined.name, _singles(state))
    return _plain(found)


def _singles(state: StudyState) -> dict[str, str]:
    """Configuration of the sweep that each winner stands for, by keyword."""
    return {
        parameter.keyword: value.name
        for parameter in state.plan.sweep
        for value in parameter.values
        if state.winners.get(parameter.keyword) == value.value
    }


def _removals(
    state: StudyState, spec: StudySpec, compared: list[Configuration], split: str
) -> dict[str, dict[str, Any]]:
    """What the combined model loses without each of its changes."""
    without = {c.parameter: c.name for c in compared if c.phase == ABLATION and c.parameter is not None}
    if state.combined is None or not without:
        return {}
    losses = losses_of(state, compared, spec.metric, split, spec.strategy)
    gains = removals(losses, state.combined.name, without)
    p_values = adjusted(gains, looks(spec))
    return {
        keyword: {
            "name": without[keyword],
            "gain": asdict(gain),
            "adjusted_p": (p := p_values.get(keyword)),
            "verdict": judged(gain, p, None),
        }
        for keyword, gain in gains.items()
    }


def _plain(record: Any) -> dict[str, Any] | None:
    return None if record is None else asdict(record)
