"""What a set of frames consists of, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import gcd
from typing import Any

import numpy as np

from neptuner.files.frames import Frame, elements_of

MOST_TYPES = 12
"""A key of the comment lines with more different values does not tell types of frames."""


def describe(frames: Sequence[Frame]) -> dict[str, Any]:
    """Count frames, atoms, elements and labels of a set; plain values that go into JSON."""
    per_atom = [frame.energy / frame.n_atoms for frame in frames if frame.energy is not None]
    return {
        "frames": len(frames),
        "atoms": sum(frame.n_atoms for frame in frames),
        "elements": {symbol: _element(frames, symbol) for symbol in elements_of(frames)},
        "compositions": len({formula(frame) for frame in frames}),
        "sizes": {str(atoms): count for atoms, count in sorted(Counter(frame.n_atoms for frame in frames).items())},
        "with_energy": len(per_atom),
        "with_forces": sum(frame.forces is not None for frame in frames),
        "with_virial": sum(frame.virial is not None for frame in frames),
        "energy_per_atom": _range(per_atom),
        "volume_per_atom": _range([frame.volume / frame.n_atoms for frame in frames]),
    }


def formula(frame: Frame) -> str:
    """Composition in smallest whole numbers, such as ``Mg3O4Zn``."""
    counts = Counter(frame.species.tolist())
    unit = gcd(*counts.values())
    return "".join(f"{symbol}{count // unit if count > unit else ''}" for symbol, count in sorted(counts.items()))


def frame_types(frames: Sequence[Frame]) -> list[str]:
    """Type of each frame: a key of the comment lines that looks like one, such as config_type; else its atoms."""
    common = set.intersection(*(set(frame.info) for frame in frames)) if frames else set()
    for key in sorted(common, key=lambda key: ("type" not in key.lower(), key)):
        if 1 < len({frame.info[key] for frame in frames}) <= MOST_TYPES:
            return [frame.info[key] for frame in frames]
    return [f"{frame.n_atoms} atoms" for frame in frames]


def forces_on(frames: Sequence[Frame], symbol: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Sizes of the forces on all atoms of an element, in eV/angstrom."""
    parts = [
        np.linalg.norm(frame.forces[frame.species == symbol], axis=1) for frame in frames if frame.forces is not None
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def _element(frames: Sequence[Frame], symbol: str) -> dict[str, Any]:
    sizes = forces_on(frames, symbol)
    return {
        "atoms": int(sum(np.count_nonzero(frame.species == symbol) for frame in frames)),
        "frames": int(sum(bool((frame.species == symbol).any()) for frame in frames)),
        "force_rms": float(np.sqrt((sizes**2).mean())) if len(sizes) else None,
        "force_max": float(sizes.max()) if len(sizes) else None,
    }


def _range(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    low, middle, high = np.percentile(values, [0, 50, 100]).tolist()
    return {"min": low, "median": middle, "max": high}
