"""A calibration of round numbers, for the plan of :class:`conftest.Project`."""

from __future__ import annotations

from neptuner.study.cost.calibration import Calibration, Measured, cutoff_key
from neptuner.study.plan import Plan


def measured(name: str, step: float, **changes: float) -> Measured:
    """A configuration of ten atoms a step, on twenty atoms in all."""
    numbers = {"row": 0.02, "outside": 0.5, "write": 0.01, "share": 1.0}
    sizes = {"peak_bytes": 2.1e8, "model_bytes": 1e5, "prediction_bytes": 4e3}
    return Measured(name, **{"atoms_per_step": 10.0, "step": step, **numbers, **sizes, **changes})


def made_calibration(plan: Plan, places: int = 2, *steps: Measured) -> Calibration:
    """Times of some configurations, by default of the baseline."""
    return Calibration(
        places=places,
        threads=1,
        atoms={"train": 16, "validation": 2, "test": 2},
        start=1.0,
        cold=0.5,
        slowdown=1.25,
        floor_bytes=2.0e8,
        floor_atoms=10,
        neighbors={cutoff_key(one.nep_in): (40.0, 12.0) for one in plan.first},
        measured=steps or (measured("baseline", 0.01),),
        seconds=3.0,
    )
