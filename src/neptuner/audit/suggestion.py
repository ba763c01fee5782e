"""A nep.in to begin with, and why: cutoffs from the shells of neighbours, sizes from the amount of data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from neptuner.audit.neighbours import Neighbours, find_neighbours
from neptuner.errors import InputError
from neptuner.files.frames import Frame, elements_of, missing_shear
from neptuner.files.nep_in import NepIn, as_settings
from neptuner.files.nep_in_keywords import format_number
from neptuner.potential.parameters import parameter_count
from neptuner.potential.settings import Settings

ANGULAR = (3.0, 5.5, 25.0)
"""Shortest and longest angular cutoff in angstrom (GPUMD's least is 3), and the neighbours aimed at."""
RADIAL = (5.0, 8.0, 100.0)
"""The same of the radial one; the time of a step grows with the neighbours of both."""
NUMBERS_PER_PARAMETER = 2.0
"""Force components, energies and virials there should at least be for each parameter."""

Size = tuple[tuple[int, int], tuple[int, int], int]
SIZES: tuple[Size, ...] = (
    ((6, 6), (8, 8), 40),
    ((6, 6), (6, 6), 30),
    ((4, 4), (6, 6), 30),
    ((4, 4), (6, 6), 15),
    ((4, 3), (4, 4), 10),
    ((3, 2), (4, 4), 5),
)
"""n_max, basis_size and neuron, from large to small."""


@dataclass(frozen=True)
class Suggestion:
    """Settings to begin with, and a sentence of reason for each keyword."""

    nep_in: NepIn
    reasons: dict[str, str]
    """Keyword to reason, in the order of the file."""
    parameters: int
    """Trainable numbers of the model."""

    @property
    def text(self) -> str:
        """The ``nep.in``, each line after a comment with its reason."""
        settings = as_settings(self.nep_in)
        settings["type"] = [len(self.nep_in.type), *self.nep_in.type]
        lines = [
            "# Suggested by `neptuner check --suggest`; a start, not an optimum: `neptuner study` tells what pays."
        ]
        for keyword, reason in self.reasons.items():
            words = " ".join(format_number(value) for value in settings[keyword])
            lines += [f"# {reason}", f"{keyword:<12} {words}"]
        lines += [
            "# batch and generation are left to the program that trains: neptuner and GPUMD need very different ones."
        ]
        return "\n".join(lines) + "\n"

    def as_json(self) -> dict[str, Any]:
        """Give plain values that go into JSON."""
        chosen = {keyword: asdict(self.nep_in)[keyword] for keyword in self.reasons}
        return {"nep_in": self.text, "settings": chosen, "reasons": self.reasons, "parameters": self.parameters}


def suggest(frames: Sequence[Frame], neighbours: Neighbours | None = None) -> Suggestion:
    """Suggest a ``nep.in`` for some frames.

    Parameters
    ----------
    frames
        Frames to train on.
    neighbours
        Their neighbours, if they are known already.

    Raises
    ------
    InputError
        If there are no frames.
    """
    if not frames:
        raise InputError("there are no readable frames, so that nothing can be suggested; mend the errors first")
    around = find_neighbours(frames) if neighbours is None else neighbours
    angular = _cutoff(around, *ANGULAR)
    radial = _cutoff(around, max(RADIAL[0], angular + 1.0), *RADIAL[1:])
    start = NepIn(elements_of(frames), cutoff=(radial, angular), l_max=(4, 1, 0, 0, 0, 0, 0))
    data = _numbers(frames)
    nep_in = _sized(start, data)
    parameters = parameter_count(Settings.from_nep_in(nep_in))
    return Suggestion(nep_in, _reasons(nep_in, frames, around, data, parameters), parameters)


def _cutoff(around: Neighbours, shortest: float, longest: float, wanted: float) -> float:
    """Choose the minimum between shells with about so many neighbours; without one, the distance that has them."""
    minima = [minimum for minimum in around.minima if shortest <= minimum <= longest]
    if minima:
        best = min(minima, key=lambda minimum: abs(np.log(max(around.within(minimum), 0.5) / wanted)))
    else:
        reach = int(np.searchsorted(around.counts, wanted))
        best = float(np.clip(around.r[min(reach, len(around.r) - 1)], shortest, longest))
    return round(best, 1)


def _numbers(frames: Sequence[Frame]) -> int:
    """Count the numbers to learn from."""
    forces = sum(3 * frame.n_atoms for frame in frames if frame.forces is not None)
    virials = sum(6 for frame in frames if frame.virial is not None)
    return forces + virials + len(frames)


def _sized(start: NepIn, data: int) -> NepIn:
    """Take the largest of the sizes for which there are data enough, at least the smallest."""
    sized = [replace(start, n_max=n, basis_size=basis, neuron=(neuron,)) for n, basis, neuron in SIZES]
    for nep_in in sized:
        if parameter_count(Settings.from_nep_in(nep_in)) * NUMBERS_PER_PARAMETER <= data:
            return nep_in
    return sized[-1]


def _reasons(nep_in: NepIn, frames: Sequence[Frame], around: Neighbours, data: int, parameters: int) -> dict[str, str]:
    radial, angular = nep_in.cutoff
    shells = ", ".join(f"{minimum:.2f}" for minimum in around.minima if minimum < RADIAL[1] + 0.5) or "none"
    reasons = {
        "type": f"elements of {len(frames)} frames, by atomic number",
        "version": "one network for each element; what current GPUMD reads",
        "cutoff": (
            f"angstrom, where the radial distribution is lowest between shells ({shells}): {around.within(radial):.0f} "
            f"radial and {around.within(angular):.0f} angular neighbours on average"
        ),
        "n_max": f"{parameters} parameters in all, for {data} forces, virials and energies to learn from",
        "basis_size": "as many basis functions as go with n_max",
        "l_max": "three-body up to l = 4 and four-body: GPUMD's default, right for most solids",
        "neuron": "one hidden layer, the largest that the data allow for",
    }
    if missing_shear(frames).any():
        reasons["lambda_shear"] = (
            "1 is right for neptuner, which leaves missing shear virials out; with GPUMD, which cannot, take 0"
        )
    return reasons
