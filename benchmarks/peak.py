# /// script
# requires-python = ">=3.11"
# dependencies = ["neptuner"]
# ///
"""What this machine can do at most, and how near to it the stages of the sweep of molecular dynamics come.

    python benchmarks/peak.py --data ../shared/data --threads 1 2

Measures the rate of single-precision fused multiply-adds and the bandwidth of reading and copying in each level of
memory. Then times ``kernels.site_sweep`` on one thread up to each of its stages, over all chunks of a system, so that
every stage finds the caches as it does in a step; a stage's time is the difference to the one before. Beside it stand
its operations, counted from the sizes of the potential and the pairs within the cutoffs (what padding adds is not
counted). Times are those of the thread's processor. Prints tables and writes a JSON file.
"""

# ruff: noqa: E402
from __future__ import annotations

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_variable] = "1"  # before NumPy is imported

import argparse
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from time import perf_counter, thread_time

import numba
import numpy as np
from numpy.typing import NDArray
from provenance import machine, versions

from neptuner.engines.potential import evaluate, make_evaluator
from neptuner.engines.speed import replicated
from neptuner.files.extxyz import read_frames
from neptuner.files.frames import Frame
from neptuner.kernels.angular_functions import harmonics, radial_functions, unit_vectors
from neptuner.kernels.angular_slots import fill_slots
from neptuner.kernels.angular_sums import energy_slopes, partial_forces
from neptuner.kernels.block_energy import energy_gradient, forward
from neptuner.kernels.block_network import output_sum
from neptuner.kernels.compile import kernel
from neptuner.kernels.evaluator import Evaluator
from neptuner.kernels.site_forces import FORCE_ONLY, WITH_VIRIAL, angular_forces, radial_forces
from neptuner.kernels.site_pairs import close_pairs, radial_densities
from neptuner.kernels.site_sweep import Sites, _work, site_sweep
from neptuner.potential.model import Model
from neptuner.potential.settings import Settings

Array = NDArray[np.float32]

SYSTEMS = {
    "j14-8000": ("j14-hnemd-900K/nep.txt", "j14-hnemd-900K/model.xyz", 1),
    "pbte-16000": ("pbte/nep.txt", "pbte/train.xyz", 4),
    "pbte-250": ("pbte/nep.txt", "pbte/train.xyz", 1),
}
"""Potential, structure, copies of its first frame along each lattice vector."""

SKIN = 1.0
ROUNDS = 24
"""Multiply-adds of each number between its load and its store."""


# --- the machine ------------------------------------------------------------------------------------------------------


@numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})
def eight(v: float, x: float, y: float) -> float:
    """Eight multiply-adds written out: a loop might not be unrolled, and then the one around it not be vectorised."""
    v = v * x + y
    v = v * x + y
    v = v * x + y
    v = v * x + y
    v = v * x + y
    v = v * x + y
    v = v * x + y
    return v * x + y


@numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})
def multiply_add(a: Array, x: float, y: float, calls: int) -> None:
    """Eight independent chains of vectors, as many as the latency of two units needs."""
    q = a.shape[0] // 8
    for _ in range(calls):
        for i in range(q):
            a0, a1, a2, a3 = a[i], a[q + i], a[2 * q + i], a[3 * q + i]
            a4, a5, a6, a7 = a[4 * q + i], a[5 * q + i], a[6 * q + i], a[7 * q + i]
            a0, a1, a2, a3 = eight(a0, x, y), eight(a1, x, y), eight(a2, x, y), eight(a3, x, y)
            a4, a5, a6, a7 = eight(a4, x, y), eight(a5, x, y), eight(a6, x, y), eight(a7, x, y)
            a0, a1, a2, a3 = eight(a0, x, y), eight(a1, x, y), eight(a2, x, y), eight(a3, x, y)
            a4, a5, a6, a7 = eight(a4, x, y), eight(a5, x, y), eight(a6, x, y), eight(a7, x, y)
            a0, a1, a2, a3 = eight(a0, x, y), eight(a1, x, y), eight(a2, x, y), eight(a3, x, y)
            a4, a5, a6, a7 = eight(a4, x, y), eight(a5, x, y), eight(a6, x, y), eight(a7, x, y)
            a[i], a[q + i], a[2 * q + i], a[3 * q + i] = a0, a1, a2, a3
            a[4 * q + i], a[5 * q + i], a[6 * q + i], a[7 * q + i] = a4, a5, a6, a7


@numba.njit(nogil=True, error_model="numpy", fastmath=True)
def read(a: Array, calls: int) -> None:
    q = a.shape[0] // 4
    b, c, d, e = a[:q], a[q : 2 * q], a[2 * q : 3 * q], a[3 * q :]
    for _ in range(calls):
        s0 = s1 = s2 = s3 = np.float32(0.0)
        for i in range(q):
            s0 += b[i]
            s1 += c[i]
            s2 += d[i]
            s3 += e[i]
        a[0] = np.float32(1e-20) * (s0 + s1 + s2 + s3)  # so that no round can be left out


@numba.njit(nogil=True, error_model="numpy", fastmath=True)
def copy(a: Array, calls: int) -> None:
    q = a.shape[0] // 2
    for _ in range(calls):
        for i in range(q):
            a[i] = a[q + i]
        a[q] += np.float32(1.0)


def rate(run: Callable[[Array, int], None], size: int, work: float, threads: int, repeats: int) -> float:
    """Largest rate of ``work`` a call on ``size`` numbers for each thread, a second and for all threads together."""
    arrays = [aligned_ones(size) for _ in range(threads)]
    for a in arrays:
        run(a, 1)
    calls, best = 1, 0.0
    with ThreadPoolExecutor(threads) as pool:
        while best < 0.03 and calls < 1 << 40:  # long enough for the clock
            calls *= 2
            begin = perf_counter()
            run(arrays[0], calls)
            best = perf_counter() - begin
        rates = []
        for _ in range(repeats):
            times = pool.map(lambda a: timed(partial(run, a, calls), 1), arrays)
            rates.append(sum(calls * work / time for time in times))
    return max(rates)


def aligned_ones(size: int) -> Array:
    """Ones that begin with a line of the cache: vectors across two lines take twice as long."""
    room = np.ones(size + 16, np.float32)
    first = -room.ctypes.data % 64 // 4
    return room[first : first + size]


def cache_sizes() -> dict[str, int]:
    """Bytes of the caches for data of the first processor, by level."""
    sizes = {}
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        if (folder / "type").read_text().strip() != "Instruction":
            unit = {"K": 1024, "M": 1024**2}[(text := (folder / "size").read_text().strip())[-1]]
            sizes["L" + (folder / "level").read_text().strip()] = int(text[:-1]) * unit
    return sizes or {"L1": 32 * 1024, "L2": 512 * 1024, "L3": 32 * 1024**2}


def machine_peak(threads: int, repeats: int) -> dict[str, float]:
    """GFlop/s of multiply-adds and GB/s of each level, arrays half as large as a cache or eight times the last."""
    x, y = np.float32(0.9), np.float32(0.1)
    numbers = 2048
    flops = rate(lambda a, n: multiply_add(a, x, y, n), numbers, 2.0 * ROUNDS * numbers, threads, repeats)
    found = {"multiply-add GFlop/s": flops / 1e9}
    caches = cache_sizes()
    sizes = {level: size // 2 for level, size in caches.items()} | {"DRAM": 8 * max(caches.values())}
    if "L3" in sizes:
        sizes["L3"] //= threads  # which share it
    for level, size in sizes.items():
        for name, run in (("read", read), ("copy", copy)):
            found[f"{level} {name} GB/s"] = rate(run, size // 4, size, threads, repeats) / 1e9
    return found


# --- what a stage has to do ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Neighbors:
    """Radial and angular neighbours, means over atoms."""

    radial: float
    angular: float
    listed_radial: float
    """Those in the skin included."""
    listed_angular: float


def operations(settings: Settings, near: Neighbors, monomials: int) -> dict[str, float]:
    """Floating-point operations of each stage for an atom; a multiply-add is two, as are 1 / r and its root."""
    (nr, n), (kr, k) = settings.functions, settings.basis
    lm, densities = settings.n_harmonics, settings.n_types * kr
    layers = [settings.dim, *settings.neuron]
    dense = 2 * sum(a * b for a, b in pairwise(layers)) + 2 * nr * densities + n * (2 * lm + 4 * monomials)
    return {
        "pairs within the cutoff": 8 * (near.listed_radial + near.listed_angular),
        "radial densities": near.radial * (55 + 3 * (kr - 1)),
        "angular: slots, functions, harmonics": near.angular * (65 + 2 * (k - 2) + n * (4 * (k - 1) + 4) + 3 * lm),
        "expansion, invariants, networks": near.angular * 2 * n * lm + 2 * dense + 30 * sum(layers[1:]) + 3 * densities,
        "angular: slopes, forces": near.angular * ((4 * n + 2) * lm + 9 * lm + 44),
        "radial: forces": near.radial * (6 * (kr - 1) + 3 + 24),
    }


# --- what it does -----------------------------------------------------------------------------------------------------


@kernel
def sweep_until(x, origin, chunk, weights, scratch, out, stages: int) -> None:
    """``site_sweep`` as far as the given number of stages, without ZBL."""
    out.sums[:] = out.sums.dtype.type(0.0)
    out.virial[:] = 0.0
    series, terms, networks = weights.series, weights.terms, weights.series.networks
    w = _work(weights, chunk, scratch)
    D, R, slots = w.slopes.R[: w.D_slopes.shape[0]], w.values.R[: w.D_slopes.shape[0]], w.slots
    for b in range(chunk.blocks.shape[0]):
        begin, a = chunk.blocks[b, 0], chunk.blocks[b, 2]
        m, net = chunk.blocks[b, 1] - begin, a if networks.W0.shape[0] > 1 else 0
        radial, angular = terms.inverse_cutoff[0, a], terms.inverse_cutoff[1, a]
        if stages == 0:
            continue
        close_pairs(x, origin, chunk.homes, chunk.angular, begin, m, angular, w.angular)
        close_pairs(x, origin, chunk.homes, chunk.radial, begin, m, radial, w.radial.pairs)
        if stages == 1:
            continue
        radial_densities(w.radial, m, radial, R)
        if stages == 2:
            continue
        fill_slots(w.angular, w.order, w.shifts, 0, m, out.sums.shape[0] - 1, terms.rows, slots)
        radial_functions(angular, series.series[a], series.slopes[a], terms.rows, slots)
        unit_vectors(terms.rows, slots)
        harmonics(terms.harmonics, terms.rows, slots)
        if stages == 3:
            continue
        forward(series, terms, a, slots, w.values)
        output_sum(networks.w[net], w.values.h1 if networks.W1.shape[1] == 0 else w.values.h2, w.U)
        energy_gradient(series, terms, a, w.values, w.slopes, D, w.D_slopes)
        for i in range(m):
            out.energies[chunk.atoms[begin + i]] = w.U[i] - networks.bias[a]
        if stages == 4:
            continue
        energy_slopes(terms.rows, slots, w.slopes.a)
        partial_forces(terms.harmonics, terms.rows, slots)
        angular_forces(terms.rows, slots, chunk.atoms, begin, m, w.rows, out.sums, out.virial)
        if stages == 5:
            continue
        radial_forces(w.radial, chunk.atoms, begin, m, D, w.D_slopes, w.rows, out.sums, out.virial)


STAGES = 6


@dataclass(frozen=True)
class System:
    """A structure with lists in an evaluator on one thread."""

    model: Model
    frame: Frame
    evaluator: Evaluator
    virials: bool


def make_system(name: str, data: Path, *, virials: bool) -> System:
    potential, structure, copies = SYSTEMS[name]
    model = Model.read(data / potential)
    frame = replicated(read_frames(data / structure)[0], (copies,) * 3)
    evaluator = make_evaluator(model, frame, precision="single", threads=1, skin=SKIN, virials=virials)
    evaluate(evaluator, frame.positions, frame.cell)
    return System(model, frame, evaluator, virials)


def neighbors_of(system: System) -> Neighbors:
    exact = make_evaluator(system.model, system.frame, precision="single", threads=1, skin=0.0)
    evaluate(exact, system.frame.positions, system.frame.cell)
    counts = (*exact.neighbor_counts(), *system.evaluator.neighbor_counts())
    return Neighbors(*(float(each.mean()) for each in counts))


def round_times(system: System, rounds: int) -> NDArray[np.float64]:
    """Seconds of each round: of a sweep up to each stage, of the sweep itself and of ``Evaluator.evaluate``."""
    evaluator, n = system.evaluator, system.frame.n_atoms
    lists, weights = evaluator._lists, evaluator.weights
    x, origin = lists.x, lists.images.origin
    scratch = np.zeros(max(chunk.scratch for chunk in lists.chunks), np.float32)
    width = WITH_VIRIAL if system.virials else FORCE_ONLY
    energies, totals = np.zeros(n), np.zeros((len(lists.chunks), 9))
    sums = np.zeros((len(lists.chunks), n + 1, width), np.float32)
    tasks = [
        (chunk, Sites(energies, part, total)) for chunk, part, total in zip(lists.chunks, sums, totals, strict=True)
    ]

    def partly(stages: int) -> None:
        for chunk, out in tasks:
            sweep_until(x, origin, chunk, weights, scratch, out, stages)

    def whole() -> None:
        for chunk, out in tasks:
            site_sweep(x, origin, chunk, weights, scratch, out)

    whole()
    right = sums.copy()
    partly(STAGES)
    if np.abs(sums - right).max() > 1e-5 * np.abs(right).max():
        raise RuntimeError("sweep_until is not site_sweep any more; bring it up to date")
    runs = [partial(partly, stages) for stages in range(STAGES + 1)]
    runs += [whole, partial(evaluate, evaluator, system.frame.positions, system.frame.cell)]
    calls = max(1, 4000 // n)
    return np.array([[timed(run, calls) for run in runs] for _ in range(rounds)])


def timed(run: Callable[[], object], calls: int) -> float:
    begin = thread_time()
    for _ in range(calls):
        run()
    return (thread_time() - begin) / calls


def stage_times(system: System, rounds: int) -> NDArray[np.float64]:
    """Seconds of what comes before the stages, of each stage, of a sweep and of what an evaluation does beside it.

    Differences are those of the quickest rounds of each.
    """
    times = round_times(system, rounds).min(axis=0)
    parts, sweep, evaluation = times[: STAGES + 1], times[STAGES + 1], times[STAGES + 2]
    return np.concatenate([parts[:1], np.diff(parts), [sweep, evaluation - sweep]])


def stages(system: System, peak: dict[str, float], rounds: int) -> dict:
    """Time, work and fraction of the peak of each stage, in microseconds and flops an atom."""
    near, n = neighbors_of(system), system.frame.n_atoms
    flops = operations(system.model.settings, near, len(system.evaluator.weights.terms.monomials))
    before, *seconds, sweep, rest = (stage_times(system, rounds) / n).tolist()
    rows = [
        {"stage": name, "us": 1e6 * own, "flops": count, "of_peak": count / own / 1e9 / peak["multiply-add GFlop/s"]}
        for (name, count), own in zip(flops.items(), seconds, strict=True)
    ]
    return {
        "atoms": n,
        "virials": system.virials,
        "neighbors": asdict(near),
        "stages": [
            {"stage": "call, clearing", "us": 1e6 * before},
            *rows,
            {"stage": "images, sum over chunks", "us": 1e6 * rest},
        ],
        "sweep_us": 1e6 * sweep,
        "evaluation_us": 1e6 * (sweep + rest),
    }


# --- tables -----------------------------------------------------------------------------------------------------------


def peak_table(peaks: dict[int, dict[str, float]]) -> str:
    names = list(next(iter(peaks.values())))
    head = f"{'':24}" + "".join(f"{f'{threads} thread' + 's' * (threads > 1):>12}" for threads in peaks)
    rows = [f"{name:24}" + "".join(f"{peak[name]:12.1f}" for peak in peaks.values()) for name in names]
    return "\n".join([head, *rows])


def stage_table(name: str, result: dict) -> str:
    near = Neighbors(**result["neighbors"])
    kind = "per-atom virials" if result["virials"] else "total virial"
    lines = [
        f"{name}, {kind}, one thread; of {near.listed_radial:.1f} + {near.listed_angular:.1f} listed pairs an atom"
        f" {near.radial:.1f} + {near.angular:.1f} are within the cutoffs",
        f"{'an atom':40}{'us':>8}{'flops':>9}{'GFlop/s':>9}{'of peak':>9}",
    ]
    for row in result["stages"]:
        line = f"{row['stage']:40}{row['us']:8.3f}"
        if "flops" in row:
            line += f"{row['flops']:9.0f}{1e-3 * row['flops'] / row['us']:9.1f}{row['of_peak']:9.0%}"
        lines.append(line)
    flops = sum(row.get("flops", 0.0) for row in result["stages"])
    sweep = result["sweep_us"]
    lines.append(f"{'the sweep itself':40}{sweep:8.3f}{flops:9.0f}{1e-3 * flops / sweep:9.1f}")
    lines.append(f"{'the whole evaluation':40}{result['evaluation_us']:8.3f}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=9, help="of the measurements of the machine")
    parser.add_argument("--rounds", type=int, default=30, help="through the stages of a system")
    parser.add_argument("--systems", nargs="*", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--virials", action="store_true", help="per-atom virials in the sweep")
    parser.add_argument("--out", type=Path, default=Path("peak.json"))
    arguments = parser.parse_args()
    peaks = {threads: machine_peak(threads, arguments.repeats) for threads in sorted({1, *arguments.threads})}
    print(peak_table(peaks), end="\n\n", flush=True)
    report = {
        "machine": machine() | {"caches": cache_sizes()},
        "versions": versions("numpy", "numba"),
        "peak": peaks,
        "systems": {},
    }
    for name in arguments.systems:
        system = make_system(name, arguments.data, virials=arguments.virials)
        report["systems"][name] = stages(system, peaks[1], arguments.rounds)
        print(stage_table(name, report["systems"][name]), end="\n\n", flush=True)
    arguments.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
