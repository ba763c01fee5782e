# ---
# jupyter:
#   jupytext:
#     text_representation:
#       format_name: percent
# ---

# %% [markdown]
# # Notebook: how often is a winner luck?
#
# A sweep of ten settings, none of which changes anything. Trained once each, how often does one of them look better
# than the baseline by 3 %? And what does a study say with replicates? The statistics are neptuner's own
# ([theory](../theory/statistics.md)); open `docs/tutorial/compare-seeds.py` in Jupyter, or run it.

# %%
import numpy as np

from neptuner.study.statistics.gains import holm, paired_gains

rng = np.random.default_rng(7)
NOISE, SEED = 0.03, 0.03  # spread of a loss: of its own, and common to all settings of a seed


def losses(replicates: int, truth: dict[str, float]) -> dict[str, dict[int, float]]:
    """Losses of settings by seed; truth is the factor of each setting."""
    common = np.exp(SEED * rng.normal(size=replicates))
    return {
        name: {seed: factor * common[seed] * np.exp(NOISE * rng.normal()) for seed in range(replicates)}
        for name, factor in truth.items()
    }


NOTHING = {"baseline": 0.1} | {f"setting {number}": 0.1 for number in range(10)}


# %% [markdown]
# ## One training each


# %%
def best_of_one() -> float:
    """Gain of the best setting in per cent, one training each."""
    found = losses(1, NOTHING)
    best = min(value[0] for name, value in found.items() if name != "baseline")
    return 100 * (1 - best / found["baseline"][0])


gains = np.array([best_of_one() for _ in range(300)])
often = 100 * np.mean(gains > 3)
print(f"the best of ten gains {gains.mean():.1f} % on average, more than 3 % in {often:.0f} % of the studies")
assert np.mean(gains > 3) > 0.5

# %% [markdown]
# Where nothing differs, most studies of single trainings have a winner.
#
# ## Three replicates and a verdict


# %%
def winners(replicates: int, truth: dict[str, float]) -> list[str]:
    """Settings that are called better: adjusted p below 0.05, and a gain."""
    found = paired_gains(losses(replicates, truth), "baseline")
    adjusted = holm({name: gain.p for name, gain in found.items()})
    return [name for name, gain in found.items() if adjusted[name] < 0.05 and gain.gain > 0]


false = np.mean([bool(winners(3, NOTHING)) for _ in range(300)])
print(f"studies with a false winner: {100 * false:.1f} %")
assert false < 0.06

# %% [markdown]
# ## And a real gain?
#
# Let one setting be 10 % better.

# %%
REAL = NOTHING | {"setting 0": 0.09}
for replicates in (2, 3, 5):
    power = np.mean(["setting 0" in winners(replicates, REAL) for _ in range(150)])
    print(f"{replicates} replicates find it in {100 * power:.0f} % of the studies")

# %% [markdown]
# What is missed with two replicates is called *not settled*, and `most_replicates` trains further ones where that helps
# ([reading the verdict](../howto/verdict.md)).
