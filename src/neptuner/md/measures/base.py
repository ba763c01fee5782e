"""What all measurements have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from neptuner.files.script import Group, Run
from neptuner.kernels.motion import heat_tensor
from neptuner.md.outputs import Outputs
from neptuner.md.state import Floats, State, System

Snapshot = dict[str, Any]
"""Arrays and numbers by name."""

EVERYTHING = slice(None)


@dataclass(frozen=True, eq=False)
class Context:
    """What a measurement may know of its run."""

    system: System
    run: Run
    outputs: Outputs
    elements: tuple[str, ...]
    """Of the potential, in its order."""


class Measurement(Protocol):
    """Looks at states; GPUMD measures after every step whose number, from 1, divides by an interval."""

    needs_virials: bool
    """Whether per-atom virials are looked at."""

    def sample(self, number: int, state: State) -> None:
        """Look at the state after step ``number`` of the run, counted from 1."""

    def finish(self, state: State) -> None:
        """Write what is known only at the end of the run."""

    def snapshot(self) -> Snapshot:
        """Give all that the measurement keeps."""

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Take it back."""


class Stateless:
    """A measurement that keeps nothing between two states and writes nothing at the end."""

    needs_virials = False

    def finish(self, state: State) -> None:
        """Do nothing."""

    def snapshot(self) -> Snapshot:
        """Give nothing."""
        return {}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Take nothing."""


def chosen_atoms(system: System, group: Group | None) -> NDArray[np.intp] | slice:
    """Atoms of a group, or all."""
    return EVERYTHING if group is None else np.flatnonzero(system.groups[group.method] == group.label)


def heat_current(state: State) -> Floats:
    """Potential part of the heat current, sum of W_i v_i, in GPUMD's five parts.

    ``(5,)`` in eV angstrom per internal unit of time: x from in-plane and out-of-plane velocities, y likewise, and z
    (GPUMD ``src/measure/compute_heat.cu``); it is not divided by the volume.
    """
    assert state.site.virials is not None
    tensor = heat_tensor(state.site.virials, state.velocities)
    return np.array(
        [
            tensor[0, 0] + tensor[0, 1], tensor[0, 2],
            tensor[1, 0] + tensor[1, 1], tensor[1, 2],
            tensor[2].sum(),
        ]
    )  # fmt: skip
