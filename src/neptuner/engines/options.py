"""What a user may ask of a training beyond ``nep.in``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neptuner.errors import InputError
from neptuner.training.optimizers import OPTIMIZERS

SNES = "snes"
NAMES = (*OPTIMIZERS, SNES)


@dataclass(frozen=True)
class TrainOptions:
    """Options of a training; None: a default that depends on the data."""

    optimizer: str = "soap"
    steps: int | None = None
    time_limit: float | None = None
    threads: int | None = None
    seed: int = 1
    validation_fraction: float | None = None
    keep_zero_shear: bool = False
    start: Path | None = None
    resume: bool = False
    committee: int = 1
    patience: int | None = None
    checkpoint_interval: float = 60.0

    def check(self) -> None:
        """Raise InputError for an option that makes no sense."""
        if self.optimizer not in NAMES:
            raise InputError(f"the optimizer is {self.optimizer}, expected {', '.join(NAMES[:-1])} or {NAMES[-1]}")
        positive = {
            "number of steps": self.steps,
            "number of threads": self.threads,
            "time limit": self.time_limit,
            "size of the committee": self.committee,
            "patience": self.patience,
            "checkpoint interval": self.checkpoint_interval,
        }
        for name, value in positive.items():
            if value is not None and not value > 0:
                raise InputError(f"the {name} is {value}, expected more than 0")
        if not 0 <= self.seed < 2**63:
            raise InputError(f"the seed is {self.seed}, expected 0 or more")
        if self.start is not None and self.optimizer == SNES:
            raise InputError("SNES goes on from the nep.restart in the folder; --start is for soap and adamw")

    @property
    def held_out(self) -> float:
        """Share of train.xyz to hold out: a tenth, but nothing for SNES, which trains on all frames as GPUMD does."""
        if self.validation_fraction is not None:
            return self.validation_fraction
        return 0.0 if self.optimizer == SNES else 0.1

    def identity(self) -> dict[str, Any]:
        """What must be the same for a training to go on."""
        names = ("optimizer", "seed", "keep_zero_shear")
        return {name: getattr(self, name) for name in names} | {"validation_fraction": self.held_out}
