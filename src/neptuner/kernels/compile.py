"""How a kernel is compiled: one decorator, so that every kernel follows the same rules."""

from __future__ import annotations

import getpass
import hashlib
import os
import platform
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import llvmlite.binding as llvm  # type: ignore[import-untyped]
import numba
from numba.core.compiler_lock import global_compiler_lock
from numba.extending import overload

from neptuner.kernels.turns import turn

P = ParamSpec("P")
R = TypeVar("R")

FAST_MATH = {"contract", "reassoc", "nnan", "ninf", "nsz", "arcp"}


@cache
def cache_folder() -> str:
    """Name the folder of compiled kernels: one per host and version of the kernels' sources.

    Numba notices a change only in the file of a kernel itself, not in the kernels it calls, and two hosts sharing a
    home may have different processors; hence the hash and the host name.
    """
    sources = sorted(Path(__file__).parent.glob("*.py"))
    version = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = root / "neptuner" / f"{platform.node()}-{version}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        folder = Path(tempfile.gettempdir()) / f"neptuner-{getpass.getuser()}-{version}"
    return str(folder)


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a serial kernel that releases the GIL; sums may be reassociated, so inputs must be finite."""
    return _compiled(function)


def inner_kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a kernel that only other kernels call: without the interface to Python, half of the compiler's work."""
    return _compiled(function, no_cpython_wrapper=True, no_cfunc_wrapper=True)


def _compiled(function: Callable[P, R], **options: bool) -> Callable[P, R]:
    config: Any = numba.config
    before = config.CACHE_DIR
    folder = config.CACHE_DIR = before or cache_folder()
    try:
        njit: Any = numba.njit
        compiled = njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST_MATH, **options)(function)
    finally:
        config.CACHE_DIR = before
    compiled.compile = _in_turn(compiled.compile, folder, f"{function.__module__}.{function.__qualname__}")
    return cast("Callable[P, R]", compiled)


def _in_turn(compile_: Callable[[Any], Any], folder: str, name: str) -> Callable[[Any], Any]:
    """Let processes that share a cache compile a kernel one after the other: all but the first then find it there."""

    def compile_in_turn(signature: Any) -> Any:
        # the threads of this process first, or two of them might each hold what the other waits for
        with global_compiler_lock, turn(folder, name):
            return compile_(signature)

    return compile_in_turn


def by_precision(single: Callable[[Any], Any], double: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Make a function of one number for use in kernels that is ``single`` for float32 and ``double`` for float64."""

    def chosen(x: Any) -> Any:
        raise NotImplementedError("for use in kernels only")

    @overload(chosen)
    def _(x: Any) -> Callable[[Any], Any]:
        return single if x == numba.float32 else double

    return chosen


def processor_has(feature: str) -> bool:
    """Whether kernels are compiled for this very processor and it has a feature, by LLVM's name."""
    config: Any = numba.config
    return not (config.CPU_NAME or config.CPU_FEATURES) and bool(llvm.get_host_cpu_features().get(feature))
