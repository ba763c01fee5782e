"""The part ``statistics`` of ``results.json`` as plain frozen records; what does not exist is None or absent."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from neptuner.study.statistics.gains import Gain, Judgement, Method, NoiseFloor
from neptuner.study.statistics.interactions import Interaction

GainKey = tuple[str, str, str, str]
"""Configuration, quantity, split and strategy."""


@dataclass(frozen=True)
class Judged:
    """A comparison and what is made of it."""

    gain: Gain
    verdict: Judgement
    adjusted_p: float | None = None


@dataclass(frozen=True)
class Statistics:
    """What the replicates of a study say, and how surely."""

    known: bool = False
    """Whether the file has this part at all; those of the first versions have not."""
    looks: int = 1
    """How often a decision may have been looked at before more replicates were trained."""
    floors: Mapping[str, NoiseFloor] = field(default_factory=dict)
    """By split, for the loss that winners are chosen by."""
    gains: Mapping[GainKey, Gain] = field(default_factory=dict)
    """Over the baseline."""
    verdicts: Mapping[str, Judged] = field(default_factory=dict)
    """By configuration, on the split that judges."""
    stability: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Hyper-parameter to configuration to the share of resampled replicates in which it is the best."""
    interaction: Interaction | None = None
    removals: Mapping[str, Judged] = field(default_factory=dict)
    """Hyper-parameter to the gain of the combined model over the one without its change."""

    def floor(self, split: str) -> NoiseFloor:
        """Return what happens without any change, with None everywhere where it is not known."""
        return self.floors.get(split, NoiseFloor(None, None, None))

    def wins(self, parameter: str, name: str) -> float | None:
        """Return the share of resampled replicates in which a configuration is the best of its hyper-parameter."""
        return self.stability.get(parameter, {}).get(name)


def read_statistics(raw: dict[str, Any] | None) -> Statistics:
    """Read the part ``statistics``; an absent one gives a record that knows nothing."""
    if not raw:
        return Statistics()
    return Statistics(
        known=True,
        looks=int(raw.get("looks") or 1),
        floors={split: _floor(floor) for split, floor in (raw.get("noise_floor") or {}).items() if floor},
        gains=dict(_gains(raw.get("gains") or {})),
        verdicts={name: _judged(item) for name, item in (raw.get("verdicts") or {}).items()},
        stability={
            parameter: {name: float(share) for name, share in shares.items()}
            for parameter, shares in (raw.get("stability") or {}).items()
        },
        interaction=_interaction(raw.get("interaction")),
        removals={keyword: _judged(item) for keyword, item in (raw.get("ablation") or {}).items()},
    )


def finite(value: Any) -> float | None:
    """Return a number as it is, anything that is none as None."""
    return float(value) if value is not None and math.isfinite(value) else None


def _gains(raw: dict[str, Any]) -> Iterator[tuple[GainKey, Gain]]:
    for name, quantities in raw.items():
        for quantity, splits in quantities.items():
            for split, strategies in splits.items():
                for strategy, gain in strategies.items():
                    if gain:
                        yield (name, quantity, split, strategy), _gain(gain)


def _gain(raw: dict[str, Any]) -> Gain:
    return Gain(
        gain=float(raw["gain"]),
        low=finite(raw.get("low")),
        high=finite(raw.get("high")),
        p=finite(raw.get("p")),
        pairs=int(raw["pairs"]),
        degrees_of_freedom=finite(raw.get("degrees_of_freedom")),
        method=cast("Method", raw.get("method")),
    )


def _judged(raw: dict[str, Any]) -> Judged:
    return Judged(_gain(raw["gain"]), cast("Judgement", str(raw["verdict"])), finite(raw.get("adjusted_p")))


def _floor(raw: dict[str, Any]) -> NoiseFloor:
    names = ("replicate_sd_percent", "last_rows_sd_percent", "smallest_resolved_percent")
    return NoiseFloor(*(finite(raw.get(name)) for name in names))


def _interaction(raw: dict[str, Any] | None) -> Interaction | None:
    if not raw:
        return None
    return Interaction(
        singles={keyword: float(gain) for keyword, gain in raw["singles"].items()},
        sum_of_singles=float(raw["sum_of_singles"]),
        independent=float(raw["independent"]),
        combined=float(raw["combined"]),
        excess=float(raw["excess"]),
        low=finite(raw.get("low")),
        high=finite(raw.get("high")),
        sentence=str(raw["sentence"]),
    )
