"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner (Vyas et al., arXiv:2409.11321).

Descriptors and basis functions are strongly correlated, so that the loss is a narrow valley askew to the single
parameters. Each matrix of parameters (see ``blocks``) gets two rotations, from running means of ``G G^T`` and
``G^T G`` of its gradients G (Gupta, Koren, Singer, arXiv:1802.09568), and Adam works in the rotated matrix.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neptuner.potential.settings import Settings
from neptuner.training.blocks import parameter_blocks

Floats = NDArray[np.float64]

NULL = 1e-9
"""Share of the trace below which an eigenvalue counts as zero."""


@dataclass(frozen=True)
class SoapSettings:
    """How the optimiser moves."""

    beta1: float = 0.9
    beta2: float = 0.99
    """Of squared gradients and of the preconditioners."""
    epsilon: float = 1e-10
    weight_decay: float = 0.03
    """In units of the learning rate: long trainings over-fit without, short ones do not notice it."""
    refresh: int = 10
    """Steps between two turns of the rotations, each one step of a power iteration."""
    eager: int = 20
    """In the first steps they are turned after each."""


@dataclass
class _Block:
    """Matrices of one kind, one a species, and what is remembered of their gradients."""

    places: NDArray[np.int64]
    """``(matrices, rows, columns)``: index of each number in the parameter vector."""
    first: Floats
    second: Floats
    """Mean square of the rotated gradient."""
    left: Floats
    """Mean of ``G G^T``, ``(matrices, rows, rows)``."""
    right: Floats
    left_basis: Floats
    right_basis: Floats

    @classmethod
    def start(cls, places: NDArray[np.int64]) -> _Block:
        n, rows, columns = places.shape
        squares = [np.zeros((n, size, size)) for size in (rows, columns)]
        bases = [np.tile(np.eye(size), (n, 1, 1)) for size in (rows, columns)]
        return cls(places, np.zeros(places.shape), np.zeros(places.shape), *squares, *bases)


_REMEMBERED = ("first", "second", "left", "right", "left_basis", "right_basis")


def _turned(square: Floats, basis: Floats) -> Floats:
    """Take one step of a power iteration to the eigenvectors of symmetric matrices.

    A little of the identity is added: directions that had no gradient yet would else be made of rounding errors.
    """
    little = NULL * np.trace(square, axis1=1, axis2=2)[:, None, None] + np.finfo(float).tiny
    return np.asarray(np.linalg.qr(square @ basis + little * basis)[0])


class Soap:
    """The optimiser for a potential of given shape."""

    def __init__(self, shape: Settings, settings: SoapSettings | None = None) -> None:
        self.settings = settings or SoapSettings()
        self._blocks = [_Block.start(places) for places in parameter_blocks(shape)]
        self._steps = 0

    def step(self, values: Floats, gradient: Floats, rate: float) -> Floats:
        """Take one step; returns the new parameters."""
        self._steps += 1
        new = values * (1.0 - rate * self.settings.weight_decay)
        for block in self._blocks:
            new[block.places] -= rate * self._direction(block, gradient[block.places])
        return new

    def _direction(self, block: _Block, G: Floats) -> Floats:
        settings, steps = self.settings, self._steps
        G_T = G.transpose(0, 2, 1)
        block.left += (1.0 - settings.beta2) * (G @ G_T - block.left)
        block.right += (1.0 - settings.beta2) * (G_T @ G - block.right)
        block.first += (1.0 - settings.beta1) * (G - block.first)
        left, right = block.left_basis, block.right_basis
        rotated = left.transpose(0, 2, 1) @ G @ right
        block.second += (1.0 - settings.beta2) * (rotated**2 - block.second)
        first = left.transpose(0, 2, 1) @ (block.first / (1.0 - settings.beta1**steps)) @ right
        step = first / (np.sqrt(block.second / (1.0 - settings.beta2**steps)) + settings.epsilon)
        if steps % settings.refresh == 0 or steps <= settings.eager:
            block.left_basis, block.right_basis = _turned(block.left, left), _turned(block.right, right)
        return np.asarray(left @ step @ right.transpose(0, 2, 1))

    def snapshot(self) -> dict[str, NDArray[np.generic]]:
        """Copy all that is remembered."""
        copies: dict[str, NDArray[np.generic]] = {
            f"{number}.{name}": getattr(block, name).copy()
            for number, block in enumerate(self._blocks)
            for name in _REMEMBERED
        }
        return copies | {"steps": np.array(self._steps)}

    def restore(self, snapshot: Mapping[str, NDArray[np.generic]]) -> None:
        """Go back to a snapshot."""
        for number, block in enumerate(self._blocks):
            for name in _REMEMBERED:
                setattr(block, name, np.array(snapshot[f"{number}.{name}"], dtype=float))
        self._steps = int(snapshot["steps"])
