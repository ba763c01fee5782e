"""Memory that every thread uses again and again: fresh pages cost more than most of what is done with them."""

from __future__ import annotations

import threading
from math import prod

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]

_arrays = threading.local()


def array(name: str, shape: tuple[int, ...], dtype: np.dtype[np.floating]) -> Array:
    """Give an array holding anything; the one before of this name, thread and type is lost."""
    key, size = f"{name} {dtype.char}", prod(shape)
    flat: Array | None = getattr(_arrays, key, None)
    if flat is None or len(flat) < size:
        flat = np.empty(size + size // 4, dtype)
        setattr(_arrays, key, flat)
    return flat[:size].reshape(shape)


def scratch(size: int, dtype: np.dtype[np.floating]) -> Array:
    """Give scratch to a kernel that this thread runs; it holds anything."""
    return array("scratch", (size,), dtype)
