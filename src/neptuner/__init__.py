"""neptuner: from first-principles frames to a judged neuroevolution potential."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["NEP", "InputError", "__version__", "predict", "read_frames", "train"]

_HOMES = {
    "NEP": "neptuner.engines.potential",
    "InputError": "neptuner.errors",
    "predict": "neptuner.engines.prediction",
    "read_frames": "neptuner.files.extxyz",
    "train": "neptuner.engines.embedded",
}

if TYPE_CHECKING:
    from neptuner.engines.embedded import train
    from neptuner.engines.potential import NEP
    from neptuner.engines.prediction import predict
    from neptuner.errors import InputError
    from neptuner.files.extxyz import read_frames


def __getattr__(name: str) -> Any:
    """Load the public names on first use, so that ``import neptuner`` stays fast."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'neptuner' has no attribute {name!r}")
