"""What the gradient trainer does with the keywords of a ``nep.in`` that were meant for GPUMD's evolution strategy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from neptuner.files.frames import Frame
from neptuner.files.nep_in import NepIn

DEFAULT_STEPS = 6000
"""Optimiser steps where neither the user nor nep.in gives a number."""

TIMED_STEPS = 10_000
"""Most steps of a training that only its time limits: later, errors of frames that were not trained on grow."""

MOST_STEPS = 20_000
"""A larger ``generation`` is taken for a count of SNES generations, not of gradient steps."""

ATOMS_PER_STEP = 800
"""The default mini-batch holds about this many atoms."""


def default_batch(frames: Sequence[Frame]) -> int:
    """Choose a mini-batch of about ``ATOMS_PER_STEP`` atoms, at most all frames."""
    atoms = sum(frame.n_atoms for frame in frames) / len(frames)
    return max(1, min(len(frames), round(ATOMS_PER_STEP / atoms)))


def resolve(nep_in: NepIn, frames: Sequence[Frame]) -> NepIn:
    """Fill in the gradient trainer's own default of ``batch`` where nep.in does not give it.

    GPUMD's default of 1000 frames suits its evolution strategy; gradients want many small steps.
    """
    return nep_in if "batch" in nep_in.given else replace(nep_in, batch=default_batch(frames))


def default_steps(nep_in: NepIn, *, snes: bool = False, timed: bool = False) -> int:
    """Number of steps: with SNES ``generation``, else ``generation`` if given and not above ``MOST_STEPS``.

    Without either, ``DEFAULT_STEPS``, or at most ``TIMED_STEPS`` where the time is limited (``timed``).
    """
    if snes:
        return max(1, nep_in.generation)
    if "generation" in nep_in.given and 0 < nep_in.generation <= MOST_STEPS:
        return nep_in.generation
    return TIMED_STEPS if timed else DEFAULT_STEPS


def remarks(nep_in: NepIn, steps: int) -> list[str]:
    """Say in sentences what was done with keywords that do not act as GPUMD's manual says."""
    said = []
    if "generation" in nep_in.given and nep_in.generation != steps:
        said.append(
            f"generation {nep_in.generation} counts SNES generations; the gradient trainer takes at most {steps} steps"
            " (--steps N to choose)"
        )
    said += [f"{keyword} has no meaning in gradient training and is ignored" for keyword in nep_in.ignored]
    return said


def snes_remarks(nep_in: NepIn) -> list[str]:
    """Say the same for training by SNES."""
    return [f"{keyword} is ignored" for keyword in nep_in.ignored if keyword != "population"]
