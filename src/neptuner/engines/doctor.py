"""What this installation and this machine have, what they lack, and how to mend it."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from neptuner import __version__
from neptuner.errors import InputError
from neptuner.machine import BROWSERS, usable_cpus

State = Literal["ok", "warning", "missing"]

EXTRAS = {
    "search": "for the joint search of a study",
    "slurm": "for studies on Slurm",
    "transport": "for STACIE beside our own conductivity",
}
"""What the optional packages are for, by extra."""
ENOUGH_DISK = 5e9
MUCH_CACHE = 1e9
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
CGROUP_LIMIT = Path("/sys/fs/cgroup/cpu.max")

_REQUIREMENT = re.compile(r"([\w.-]+)(?:\[[^]]*\])?\s*(?:>=([\w.]+))?[^;]*(?:;.*extra\s*==\s*['\"]([\w-]+)['\"])?")


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    part: str
    name: str
    state: State
    found: str
    fix: str = ""
    """How to mend it; empty where nothing has to be."""
    needed: bool = False
    """Whether nothing works without it."""


def examine() -> list[Finding]:
    """Look at everything; nothing is changed but the cache of compiled kernels."""
    return [finding for part in (packages, processors, kernels, programs, disk) for finding in _whole(part)]


def _whole(part: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """A part of the report; one that cannot be made for want of a package says so."""
    try:
        yield from part()
    except ImportError as error:
        yield Finding(part.__name__, "import", "missing", f"{error}", "pip install --force-reinstall neptuner", True)


def packages() -> Iterator[Finding]:
    """Versions of Python and of what neptuner needs or can use."""
    yield Finding("versions", "neptuner", "ok", f"{__version__} in {Path(__file__).parents[1]}")
    yield Finding("versions", "python", "ok", f"{platform.python_version()} ({sys.executable})")
    try:
        listed = metadata.requires("neptuner") or []
    except metadata.PackageNotFoundError:
        yield Finding(
            "versions", "packages", "warning", "not looked at: neptuner is not installed, but run from its sources",
            "pip install neptuner, or pip install -e . in the folder of its sources",
        )  # fmt: skip
        return
    for name, least, extra in filter(None, map(_requirement, listed)):
        if extra is None or extra in EXTRAS:
            yield _package(name, least, extra)


def processors() -> Iterator[Finding]:
    """Processors, threads, vector registers, and who else is working."""
    cpus, share = usable_cpus(), _share_of_container()
    yield Finding("machine", "processors", "ok", f"{cpus} of {os.cpu_count()} may be used")
    if share is not None and share < cpus:
        fix = f"give --threads {max(1, int(share))}, or study.jobs"
        yield Finding("machine", "container", "warning", f"gives the time of {share:g} processors", fix)
    threads = {name: os.environ.get(name, "not set") for name in THREAD_VARIABLES}
    others = [name for name, value in threads.items() if value != "1"]
    found = ", ".join(f"{name} {value}" for name, value in threads.items())
    fix = (
        ""
        if not others
        else f"unset {' '.join(others)}: kernels have threads of their own, which these get in the way of"
    )
    yield Finding("machine", "threads of libraries", "warning" if others else "ok", found, fix)
    yield from _load(cpus)


def kernels() -> Iterator[Finding]:
    """Whether kernels compile, for what processor, and where they are kept."""
    from neptuner.kernels.compile import cache_folder, processor_has

    yield _vectors(processor_has)
    yield _cache(Path(os.environ.get("NUMBA_CACHE_DIR") or cache_folder()))
    yield _compilation()


def programs() -> Iterator[Finding]:
    """Programs that some commands call: GPUMD's, those of Slurm, a browser."""
    from neptuner.engines import gpumd, gpumd_training

    yield _gpumd("gpumd", gpumd.VARIABLE, gpumd.find_executable, gpumd.executable_version)
    yield _gpumd("nep", gpumd_training.VARIABLE, gpumd_training.find_nep, gpumd_training.nep_version)
    yield _program("Slurm", ("sbatch",), "only for studies on Slurm: load its module, or go to the login node")
    yield _program("browser", BROWSERS, "only for report.pdf: apt install chromium, or your system's way to get it")


def disk() -> Iterator[Finding]:
    """Room in this folder."""
    free = shutil.disk_usage(Path()).free
    fix = "" if free > ENOUGH_DISK else "make room, or work on another disk; a study predicts what it takes (--dry-run)"
    yield Finding("disk", "free", "warning" if fix else "ok", f"{_size(free)} in {Path().absolute()}", fix)


def _requirement(text: str) -> tuple[str, str | None, str | None] | None:
    """Name, least version and extra of a requirement; None for one that is neptuner itself."""
    match = _REQUIREMENT.match(text)
    return None if match is None or match[1] == "neptuner" else (match[1], match[2], match[3])


def _package(name: str, least: str | None, extra: str | None) -> Finding:
    needed, target = extra is None, "neptuner" if extra is None else f"'neptuner[{extra}]'"
    purpose = "" if extra is None else f" {EXTRAS[extra]}"
    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Finding("versions", name, "missing", f"not installed{purpose}", f"pip install {target}", needed)
    if least is not None and _numbers(found) < _numbers(least):
        fix = f"pip install --upgrade {target}"
        return Finding("versions", name, "missing", f"{found}, expected {least} or newer", fix, needed)
    return Finding("versions", name, "ok", found)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:3])


def _share_of_container() -> float | None:
    """Processors' worth of time that a container grants; None where it sets no limit."""
    try:
        quota, period = CGROUP_LIMIT.read_text().split()
        return int(quota) / int(period)
    except (OSError, ValueError):
        return None


def _load(cpus: int) -> Iterator[Finding]:
    if not hasattr(os, "getloadavg"):
        return
    load = os.getloadavg()[0]
    fix = "" if load < 0.5 * cpus else "wait for other work to end before you trust timings and predicted costs"
    found = f"{load:.1f} processors were busy in the last minute"
    yield Finding("machine", "load", "warning" if fix else "ok", found, fix)


def _vectors(processor_has: Callable[[str], bool]) -> Finding:
    widths = {"avx512f": 512, "avx2": 256, "avx": 256, "sse2": 128, "neon": 128}
    feature = next((feature for feature in widths if processor_has(feature)), None)
    if feature is None:
        fix = "unset NUMBA_CPU_NAME and NUMBA_CPU_FEATURES, if they are set"
        return Finding("kernels", "vectors", "warning", "kernels are not compiled for this very processor", fix)
    multiply_add = "with" if processor_has("fma") or feature == "neon" else "without"
    found = f"{widths[feature]} bits ({feature}), {multiply_add} fused multiply-add"
    return Finding("kernels", "vectors", "ok", found)


def _cache(folder: Path) -> Finding:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        fix = "set XDG_CACHE_HOME to a folder that may be written to; else every start compiles for a minute"
        return Finding("kernels", "cache", "warning", f"{folder} cannot be written ({error.strerror})", fix)
    kept = len(list(folder.rglob("*.nbi")))
    what = f"{kept} kernels, {_size(_bytes(folder))}" if kept else "empty: the first training compiles for a minute"
    if folder.is_relative_to(tempfile.gettempdir()):
        fix = "set XDG_CACHE_HOME to a folder that stays"
        return Finding("kernels", "cache", "warning", f"{folder}: {what}; it goes with the temporary files", fix)
    return Finding("kernels", "cache", "ok", f"{folder}: {what}", _superfluous(folder))


def _superfluous(folder: Path) -> str:
    """Advice about kernels of other versions, which nobody deletes by himself."""
    others = [other for other in folder.parent.iterdir() if other != folder and other.is_dir()]
    size = sum(map(_bytes, others))
    if folder.parent.name != "neptuner" or size < MUCH_CACHE:
        return ""
    return f"{len(others)} folders beside it, of other versions or hosts, hold {_size(size)}: delete what is not in use"


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _compilation() -> Finding:
    from neptuner.kernels.compile import kernel

    def probe(number: float) -> float:
        return number * number + 1.0

    begin = time.perf_counter()
    try:
        right = kernel(probe)(3.0) == 10.0
    except Exception as error:  # whatever a broken compiler raises
        found = f"fails ({type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''})"
        return Finding("kernels", "compiling", "missing", found, "pip install --force-reinstall numba llvmlite", True)
    seconds = time.perf_counter() - begin
    if not right:
        return Finding("kernels", "compiling", "missing", "gives wrong numbers", "reinstall numba and llvmlite", True)
    return Finding(
        "kernels", "compiling", "ok", f"works, {seconds:.2f} s for a small kernel (less if it was in the cache)"
    )


def _gpumd(name: str, variable: str, find: Callable[[], Path], version: Callable[[Path], object]) -> Finding:
    fix = f'only for engine "gpumd": build GPUMD, and name its {name} in ${variable} or put it on the path'
    try:
        path = find()
    except InputError:
        return Finding("programs", f"GPUMD's {name}", "missing", f"neither in ${variable} nor on the path", fix)
    try:
        return Finding("programs", f"GPUMD's {name}", "ok", f"{version(path)} ({path})")
    except InputError as error:
        return Finding("programs", f"GPUMD's {name}", "warning", str(error), fix)


def _program(name: str, executables: tuple[str, ...], fix: str) -> Finding:
    found = next(filter(None, map(shutil.which, executables)), None)
    if found is None:
        return Finding("programs", name, "missing", f"no {executables[0]} on the path", fix)
    try:
        printed = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=20, check=False).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("programs", name, "warning", f"{found} does not tell its version ({error})", fix)
    return Finding(
        "programs", name, "ok", f"{printed.strip().splitlines()[0] if printed.strip() else 'found'} ({found})"
    )


def _size(number: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} TB"
