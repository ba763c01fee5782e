"""What every trainer is given and what it tells: data sets and rows of errors."""

from __future__ import annotations

from dataclasses import dataclass

from neptuner.potential.model import Model
from neptuner.training.dataset import Dataset
from neptuner.training.loss import Errors


@dataclass(frozen=True)
class DataSets:
    """What is trained on, chosen by, and reported."""

    train: Dataset
    validation: Dataset | None = None
    test: Dataset | None = None


@dataclass(frozen=True)
class Row:
    """Whole-set errors after some step."""

    step: int
    total: float
    """Loss of the training set with regularisation, as in ``loss.out``."""
    l1: float
    l2: float
    train: Errors
    validation: Errors | None
    test: Errors | None
    seconds: float


@dataclass(frozen=True)
class Report:
    """A trainer's model at some step and its training errors."""

    model: Model
    """Without energy offsets."""
    total: float
    """Loss with regularisation, as in ``loss.out``."""
    l1: float
    l2: float
    train: Errors
