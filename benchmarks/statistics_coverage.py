# /// script
# requires-python = ">=3.11"
# dependencies = ["neptuner"]
# ///
"""What the statistics of a study are worth: trials drawn from known means and noise, judged as a study judges.

    python benchmarks/statistics_coverage.py [--studies 1000] [--json FILE]

Every synthetic study has a baseline and ten settings in four groups. A loss is the mean of its setting, times what its
seed does (3 %), times noise (3 %) with mean one. For each kind of noise and number of replicates there are studies
without any effect, and studies whose settings gain 10, 5, 3, 2 and -5 per cent, the others nothing. "5 -> 10" stands
for adaptive replication: looks at 5, 7 and 10 replicates, further seeds only where open_decisions asks for them.

coverage        share of 95 % intervals that hold the true gain, all settings, both kinds of studies; then the setting
                that is covered least, then the setting that looks best in its study (which was chosen for its luck)
false winner    share of studies without effect in which any setting is judged better
power           share of studies in which the setting that gains 10 (5) % is judged better, corrected for ten
                comparisons and the looks
trainings       of a study, on average without and with effects
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from neptuner.study.statistics.block_model import Losses
from neptuner.study.statistics.gains import judged, noise_floor, paired_gains
from neptuner.study.statistics.replication import adjusted, open_decisions

BASELINE = "baseline"
GROUPS = {"n_max": ("a1", "a2", "a3"), "l_max": ("b1", "b2", "b3"), "neuron": ("c1", "c2"), "batch": ("d1", "d2")}
SETTINGS = tuple(name for members in GROUPS.values() for name in members)
EFFECTS = {"a1": 10.0, "b1": 5.0, "b2": 3.0, "c1": 2.0, "d1": -5.0}
SEED_SD, NOISE_SD = 0.03, 0.03
SCHEDULES = ((2,), (3,), (5,), (10,), (20,), (30,), (2, 3, 5), (3, 5, 10), (5, 7, 10))

Draw = Callable[[np.random.Generator, int], np.ndarray]


def normal(random: np.random.Generator, n: int) -> np.ndarray:
    return random.standard_normal((11, n))


def skew(random: np.random.Generator, n: int) -> np.ndarray:
    return random.exponential(1.0, (11, n)) - 1


def one_noisy(random: np.random.Generator, n: int) -> np.ndarray:
    return normal(random, n) * np.where(np.arange(11) == 2, 3.0, 1.0)[:, None]


def all_unequal(random: np.random.Generator, n: int) -> np.ndarray:
    return normal(random, n) * np.exp(random.normal(0, 0.4, (11, 1)))


def skew_unequal(random: np.random.Generator, n: int) -> np.ndarray:
    return skew(random, n) * np.exp(random.normal(0, 0.4, (11, 1)))


def noisy_baseline(random: np.random.Generator, n: int) -> np.ndarray:
    return normal(random, n) * np.where(np.arange(11) == 0, 2.0, 1.0)[:, None]


NOISES: dict[str, Draw] = {
    "normal": normal,
    "skew (exponential)": skew,
    "one setting 3 times as noisy": one_noisy,
    "noise differs, 0.4 in ln": all_unequal,
    "both, skew and differing": skew_unequal,
    "baseline twice as noisy": noisy_baseline,
}


@dataclass
class Row:
    """One line of the table; shares in per cent."""

    noise: str
    replicates: str
    coverage: float
    coverage_of_the_least: float
    coverage_of_the_best: float
    false_winner: float
    power_10: float
    power_5: float
    trainings_without: float
    trainings_with: float


def study(random: np.random.Generator, draw: Draw, effects: dict[str, float], most: int) -> dict[str, np.ndarray]:
    means = np.array([1.0] + [1 - effects.get(name, 0.0) / 100 for name in SETTINGS])
    blocks = 1 + SEED_SD * random.standard_normal(most)
    values = 0.2 * means[:, None] * blocks * np.maximum(1 + NOISE_SD * draw(random, most), 0.05)
    return dict(zip((BASELINE, *SETTINGS), values, strict=True))


def replicated(trials: dict[str, np.ndarray], schedule: tuple[int, ...]) -> Losses:
    """Losses of the trainings that a study would have run."""
    known = {name: dict(enumerate(values[: schedule[0]].tolist())) for name, values in trials.items()}
    for most in schedule[1:]:
        limits = {"looks": len(schedule), "most": schedule[-1]}
        for name in open_decisions(known, BASELINE, GROUPS, **limits):
            for key in {name, BASELINE}:
                known[key] = dict(enumerate(trials[key][:most].tolist()))
    return known


def outcome(losses: Losses, looks: int, effects: dict[str, float]) -> tuple[np.ndarray, int, set[str], int]:
    """Which true gains are covered, the place of the best, what is judged better, and the number of trainings."""
    gains = paired_gains(losses, BASELINE)
    p_values, floor = adjusted(gains, looks), noise_floor(losses, BASELINE).replicate_sd_percent
    covered = [gains[n].low <= effects.get(n, 0.0) <= gains[n].high for n in SETTINGS]
    best = int(np.argmax([gains[n].gain for n in SETTINGS]))
    winners = {n for n in SETTINGS if judged(gains[n], p_values[n], floor) == "better"}
    return np.array(covered), best, winners, sum(map(len, losses.values()))


def measure(noise: str, schedule: tuple[int, ...], studies: int, seed: int) -> Row:
    random, draw = np.random.default_rng(seed), NOISES[noise]
    results = {}
    for kind, effects in (("without", {}), ("with", EFFECTS)):
        trials = (study(random, draw, effects, schedule[-1]) for _ in range(studies))
        results[kind] = [outcome(replicated(t, schedule), len(schedule), effects) for t in trials]
    both = results["without"] + results["with"]
    covered = np.array([c for c, *_ in both])
    shares = (
        covered.mean(),
        covered.mean(axis=0).min(),
        np.mean([c[best] for c, best, *_ in both]),
        np.mean([bool(winners) for *_, winners, _ in results["without"]]),
        *(np.mean([name in winners for *_, winners, _ in results["with"]]) for name in ("a1", "b1")),
    )
    trainings = (float(np.mean([n for *_, n in results[kind]])) for kind in ("without", "with"))
    name = str(schedule[0]) if len(schedule) == 1 else f"{schedule[0]} -> {schedule[-1]}"
    return Row(noise, name, *(100 * float(share) for share in shares), *trainings)


def table(rows: list[Row]) -> Iterator[str]:
    yield "| noise | replicates | coverage: all | least | best | false winner | power 10 % | 5 % | trainings |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    for r in rows:
        covered = f"{r.coverage:.1f} | {r.coverage_of_the_least:.1f} | {r.coverage_of_the_best:.1f}"
        found = f"{r.false_winner:.1f} | {r.power_10:.0f} | {r.power_5:.0f}"
        trainings = f"{r.trainings_without:.0f}, {r.trainings_with:.0f}"
        yield f"| {r.noise} | {r.replicates} | {covered} | {found} | {trainings} |"


def main() -> None:
    parser = argparse.ArgumentParser(description="Coverage, false winners and power of the statistics of a study")
    parser.add_argument("--studies", type=int, default=1000, help="of each kind, for each line")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--noise", choices=list(NOISES), action="append", help="only this one")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    start, rows = time.perf_counter(), []
    for noise in options.noise or NOISES:
        for schedule in SCHEDULES:
            rows.append(measure(noise, schedule, options.studies, options.seed))
            print(f"{time.perf_counter() - start:5.0f} s {rows[-1]}", flush=True)
    print("", *table(rows), sep="\n")
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))


if __name__ == "__main__":
    main()
