# /// script
# requires-python = ">=3.11"
# dependencies = ["neptuner"]
# ///
"""What this machine can do at most, and how near to it the stages of the sweep of molecular dynamics come.

    python benchmarks/peak.py --data ../shared/data --threads 1 2

Measures the rate of single-precision fused multiply-adds and the bandwidth of reading and copying in each level of
memory. Then times ``kernels.site_sweep`` on one thread up to each of its stages, over all chunks of a system, so that
every stage finds the caches as it does in a step; a stage's time is the difference to the one before. Beside it stand
its operations and the bytes that its loops load and store, counted from the sizes of the potential and the pairs within
the cutoffs (what padding adds is not counted, and counts nothing as work). Prints tables and writes a JSON file.
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
from pathlib import Path
from time import perf_counter

import numba
import numpy as np
from numpy.typing import NDArray
from provenance import machine, versions

from neptuner.engines.potential import evaluate, make_evaluator
from neptuner.engines.speed import replicated
from neptuner.files.extxyz import read_frames
from neptuner.files.frames import Frame
from neptuner.kernels.compile import kernel
from neptuner.kernels.evaluator import Evaluator
from neptuner.kernels.site_sweep import (
    FORCE_ONLY,
    PADDING,
    SCRATCH,
    WITH_VIRIAL,
    Sites,
    _clear,
    _networks,
    _work,
    add_zbl,
    angular_backward,
    angular_forward,
    angular_lanes,
    find_radial_pairs,
    radial_backward,
    radial_forward,
    scatter,
    site_sweep,
)
from neptuner.potential.model import Model

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
            begin = perf_counter()
            list(pool.map(run, arrays, [calls] * threads))
            rates.append(threads * calls * work / (perf_counter() - begin))
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
class Work:
    """Floating-point operations (a multiply-add is two) and bytes loaded and stored, of an atom."""

    flops: float
    bytes: float

    def __add__(self, other: Work) -> Work:
        return Work(self.flops + other.flops, self.bytes + other.bytes)

    def __mul__(self, times: float) -> Work:
        return Work(times * self.flops, times * self.bytes)


def singles(flops: float, numbers: float) -> Work:
    """Operations on single-precision numbers."""
    return Work(flops, 4.0 * numbers)


@dataclass(frozen=True)
class Sizes:
    """Sizes of a system: means over its atoms."""

    listed_radial: float
    listed_angular: float
    radial: float
    """Pairs within the cutoff."""
    angular: float
    radial_lanes: float
    """The same with padding."""
    angular_lanes: float
    block: float
    """Atoms in a block."""
    types: int
    radial_basis: int
    radial_functions: int
    basis: int
    """Angular Chebyshev polynomials."""
    functions: int
    """Angular radial functions g_n."""
    l_max: int
    harmonics: int
    monomials: int
    dim: int
    hidden_1: int
    hidden_2: int
    """0 for one hidden layer."""


# 5 for r^2, 1 + 1 for r and 1 / r, 2 for u, 1 for its square, 16 and 15 for the cosine and sine, 4 for 2 x, 1 for fc,
# 3 for its derivative, 1 for dx/dr; four rows read and five written
MEASURE = singles(50, 9)


def pair_search(s: Sizes) -> Work:
    """Vectors and squares in ``close_pairs``: three differences and five operations of double positions."""
    listed = Work(8, 4 + 3 * 8 + 3 * 4 + 4)  # neighbour, positions, vector, far atom
    return listed * (s.listed_radial + s.listed_angular)


def angular_forward_work(s: Sizes) -> Work:
    k, f, size = s.basis, s.functions, s.l_max + 1
    groups = -(-f // 4)
    unit = singles(3, 7)
    chebyshev = singles(2 * (k - 2) + 1, 4 * (k - 2) + 3)
    azimuth = singles(6, 6) * s.l_max
    legendre = singles(2, 3) * s.l_max + singles(4, 4) * (s.l_max * (s.l_max - 1) / 2) + singles(0, 1) * size
    harmonics = singles(0, 2) * s.l_max + singles(2, 5) * (s.l_max * size / 2)
    gathered = singles(0, 3) * (k - 1)
    # both series of g_n, four terms for each load and store of the sums; then to their lanes and times fc
    series = singles(4 * (k - 1), 2 + 8 * ((k - 1) // 4) + 5 * ((k - 1) % 4)) + singles(5, 5 + 7)
    expansion = singles(2 * f, 5 * groups) * s.harmonics
    parts = MEASURE + unit + chebyshev + azimuth + legendre + harmonics + gathered + series * f + expansion
    return parts * s.angular


def radial_forward_work(s: Sizes) -> Work:
    k = s.radial_basis
    rows = singles(0, 7) + MEASURE
    sums = singles(4, 4) + singles(3 * (k - 2), 5 * -(-(k - 2) // 4))
    return (rows + sums) * s.radial


def linear(n_in: int, n_out: int, block: float) -> Work:
    """``contract`` or ``expand``: four inputs for each load and store of a sum; weights once for a whole block."""
    return singles(2 * n_in * n_out, 1.5 * n_in * n_out + n_in * n_out / block)


def networks_work(s: Sizes) -> Work:
    f, n_in = s.functions, s.types * s.radial_basis
    tanh = singles(22, 2)  # bias, clamp, square, two polynomials of fourth degree, product, quotient
    layers = (linear(s.dim, s.hidden_1, s.block) + linear(s.hidden_1, s.hidden_2, s.block)) * 2
    neurons = (tanh + singles(3, 2)) * (s.hidden_1 + s.hidden_2) + singles(2, 3) * max(s.hidden_1, s.hidden_2)
    invariants = (singles(2, 3) * s.harmonics + singles(4, 5) * s.monomials) * f
    reverse = (singles(1, 3) * s.harmonics + singles(4, 5) * (3 * s.monomials) + singles(1, 2) * s.l_max) * f
    scaling = singles(1, 2) * (2 * s.dim)
    radial = linear(n_in, s.radial_functions, s.block) * 2
    return layers + neurons + invariants + reverse + scaling + radial


def angular_backward_work(s: Sizes) -> Work:
    f, groups = s.functions, -(-s.functions // 4)
    slopes = singles(4 * f + 2 * groups, 13 * groups - 1) * s.harmonics + singles(0, 1)
    zonal, others = singles(3, 4) * s.l_max, singles(17, 14) * (s.l_max * (s.l_max + 1) / 2)
    return (slopes + zonal + others + singles(16, 11 + 4)) * s.angular


def radial_backward_work(s: Sizes, *, virials: bool) -> Work:
    k = s.radial_basis
    groups = (k + 2) // 4
    values = singles(2 * (3 * (k - 1) + 3) + 1, 4 + 9 * groups + 7)
    slope = singles(8, 12)
    pairs = (singles(0, 7) + MEASURE + values + slope) * s.radial
    # sums of forces on the centre and on the neighbour, which is looked up twice; then the virial of either kind
    force = singles(6, 3 + 3 + 2 * 3 + 2)
    virial = singles(18, 3 + 2 * 9) if virials else singles(18, 12)
    return pairs + (force + virial) * (s.radial + s.angular)


def stage_work(s: Sizes, *, virials: bool) -> list[tuple[str, Work]]:
    return [
        ("pair search", pair_search(s)),
        ("angular forward", angular_forward_work(s)),
        ("radial forward", radial_forward_work(s)),
        ("networks, invariants", networks_work(s)),
        ("angular backward", angular_backward_work(s)),
        ("radial backward, scatter", radial_backward_work(s, virials=virials)),
    ]


# --- what it does -----------------------------------------------------------------------------------------------------


@kernel
def sweep_until(x, origin, chunk, weights, scratch, out, stages: int) -> None:
    """``site_sweep`` as far as the given number of stages."""
    _clear(out)
    w = _work(weights, chunk, scratch)
    if stages == 0:
        return
    for b in range(chunk.blocks.shape[0]):
        begin, end, a = chunk.blocks[b, 0], chunk.blocks[b, 1], chunk.blocks[b, 2]
        m = end - begin
        for i in range(m):
            find_radial_pairs(x, chunk, begin + i, weights.inverse_cutoff[0, a], i, w)
        lanes = angular_lanes(x, chunk, begin, m, weights.inverse_cutoff[1, a], w)
        if stages == 1:
            continue
        angular_forward(weights, a, m, lanes, w)
        if stages == 2:
            continue
        for i in range(m):
            radial_forward(weights.inverse_cutoff[0, a], i, w)
        if stages == 3:
            continue
        _networks(weights, a, m, w)
        if stages == 4:
            continue
        angular_backward(weights, a, m, lanes, w)
        if stages == 5:
            continue
        for i in range(m):
            atom = chunk.atoms[begin + i]
            energy = w.U[i] - weights.networks.bias[a]
            first, last = w.lane_start[i, 0], w.lane_start[i, -1]
            if weights.zbl.shape[0] > 0:
                energy += add_zbl(w.S, first, last, w.lane_type, weights.zbl[a])
            out.energies[atom] = energy
            scatter(w.S, first, last, w.lane_atom, 0, origin, atom, out)
            radial_backward(origin, atom, weights.inverse_cutoff[0, a], i, w, out)


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


def sizes_of(system: System) -> Sizes:
    settings, weights = system.model.settings, system.evaluator.weights
    exact = make_evaluator(system.model, system.frame, precision="single", threads=1, skin=0.0)
    evaluate(exact, system.frame.positions, system.frame.cell)
    near, listed = exact.neighbor_counts(), system.evaluator.neighbor_counts()
    by_type = np.concatenate([np.diff(chunk.radial.start, axis=1) for chunk in exact._lists.chunks])
    blocks = sum(len(chunk.blocks) for chunk in system.evaluator._lists.chunks)
    return Sizes(
        listed_radial=float(listed[0].mean()),
        listed_angular=float(listed[1].mean()),
        radial=float(near[0].mean()),
        angular=float(near[1].mean()),
        radial_lanes=float((-(-by_type // 8) * 8).sum(axis=1).mean()),
        angular_lanes=float((-(-near[1] // PADDING) * PADDING).mean()),
        block=system.frame.n_atoms / blocks,
        types=settings.n_types,
        radial_basis=settings.basis[0],
        radial_functions=settings.functions[0],
        basis=settings.basis[1],
        functions=settings.functions[1],
        l_max=settings.l_three_body,
        harmonics=settings.n_harmonics,
        monomials=len(weights.monomials),
        dim=settings.dim,
        hidden_1=settings.neuron[0],
        hidden_2=settings.neuron[1] if len(settings.neuron) > 1 else 0,
    )


def round_times(system: System, rounds: int) -> NDArray[np.float64]:
    """Seconds of each round: of a sweep up to each stage, of the sweep itself and of ``Evaluator.evaluate``."""
    evaluator, n = system.evaluator, system.frame.n_atoms
    lists, weights = evaluator._lists, evaluator.weights
    x, origin, scratch = lists.x, lists.images.origin, np.zeros(SCRATCH, np.float32)
    width = WITH_VIRIAL if system.virials else FORCE_ONLY
    energies, totals = np.zeros(n), np.zeros((len(lists.chunks), 9))
    sums = np.zeros((len(lists.chunks), n, width), np.float32)
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
    begin = perf_counter()
    for _ in range(calls):
        run()
    return (perf_counter() - begin) / calls


def stage_times(system: System, rounds: int) -> NDArray[np.float64]:
    """Seconds of what comes before the stages, of each stage, of a sweep and of what an evaluation does beside it.

    Differences are taken within a round, which passes too quickly for the machine to change its pace, and are medians
    of the quickest third of the rounds.
    """
    times = round_times(system, rounds)
    quickest = times[np.argsort(times.sum(axis=1))[: max(1, rounds // 3)]]
    parts, sweep, evaluation = quickest[:, : STAGES + 1], quickest[:, STAGES + 1], quickest[:, STAGES + 2]
    return np.median(np.column_stack([parts[:, 0], np.diff(parts, axis=1), sweep, evaluation - sweep]), axis=0)


def stages(system: System, peak: dict[str, float], rounds: int) -> dict:
    """Time, work and fraction of the peak of each stage, in microseconds, flops and bytes an atom."""
    if not system.evaluator.weights.direct:
        raise RuntimeError("only the direct angular route is counted here")
    sizes, n = sizes_of(system), system.frame.n_atoms
    before, *seconds, sweep, rest = (stage_times(system, rounds) / n).tolist()
    flop_rate, read_rate = 1e9 * peak["multiply-add GFlop/s"], 1e9 * peak["L1 read GB/s"]
    rows = [
        {
            "stage": name,
            "us": 1e6 * own,
            **asdict(work),
            "of_peak_flops": work.flops / own / flop_rate,
            "of_l1_read": work.bytes / own / read_rate,
        }
        for (name, work), own in zip(stage_work(sizes, virials=system.virials), seconds, strict=True)
    ]
    return {
        "atoms": n,
        "virials": system.virials,
        "sizes": asdict(sizes),
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
    s = result["sizes"]
    kind = "per-atom virials" if result["virials"] else "total virial"
    lines = [
        f"{name}, {kind}, one thread; of {s['listed_radial']:.1f} + {s['listed_angular']:.1f} listed pairs an atom"
        f" {s['radial']:.1f} + {s['angular']:.1f} are within the cutoffs, {s['radial_lanes']:.1f} +"
        f" {s['angular_lanes']:.1f} with padding; {s['block']:.1f} atoms a block",
        f"{'an atom':26}{'us':>8}{'flops':>9}{'bytes':>9}{'GFlop/s':>9}{'GB/s':>8}{'of peak':>9}{'of L1 read':>12}",
    ]
    for row in result["stages"]:
        line = f"{row['stage']:26}{row['us']:8.3f}"
        if "flops" in row:
            line += f"{row['flops']:9.0f}{row['bytes']:9.0f}{1e-3 * row['flops'] / row['us']:9.1f}"
            line += f"{1e-3 * row['bytes'] / row['us']:8.1f}{row['of_peak_flops']:9.0%}{row['of_l1_read']:12.0%}"
        lines.append(line)
    flops = sum(row.get("flops", 0.0) for row in result["stages"])
    numbers = sum(row.get("bytes", 0.0) for row in result["stages"])
    rates = f"{1e-3 * flops / result['sweep_us']:9.1f}{1e-3 * numbers / result['sweep_us']:8.1f}"
    lines.append(f"{'the sweep itself':26}{result['sweep_us']:8.3f}{flops:9.0f}{numbers:9.0f}{rates}")
    lines.append(f"{'the whole evaluation':26}{result['evaluation_us']:8.3f}")
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
