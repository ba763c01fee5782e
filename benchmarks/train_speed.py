# /// script
# requires-python = ">=3.11"
# dependencies = ["neptuner"]
# ///
"""Where the time of a training step goes: stages of the two sweeps on one thread, with their operations.

    taskset -c 0 python benchmarks/train_speed.py --data ../shared/data

Runs both sweeps over the blocks of a mini-batch up to each of their stages; a stage's time is the difference to the one
before, the best of some repeats in thread CPU time. Operations are counted from the sizes of the potential and the
pairs within the cutoffs; what padding adds is not counted. Prints a table for each system.
"""

# ruff: noqa: E402
from __future__ import annotations

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_variable] = "1"  # before NumPy is imported

import argparse
from pathlib import Path
from time import thread_time

import numpy as np

from neptuner.files.extxyz import read_frames
from neptuner.kernels import engine
from neptuner.kernels.angular_functions import harmonic_tangents, harmonics, radial_functions, unit_vectors
from neptuner.kernels.angular_slots import fill_slots, make_slots
from neptuner.kernels.angular_sums import (
    coefficient_gradient,
    energy_slopes,
    expansion,
    expansion_tangent,
    function_gradients,
    function_tangents,
    pair_tangents,
    partial_forces,
    scatter_forces,
)
from neptuner.kernels.block_energy import angular_part, cut_dense, energy_gradient, scale
from neptuner.kernels.block_linear import accumulate, contract
from neptuner.kernels.block_network import hidden_layer, output_sum
from neptuner.kernels.compile import kernel
from neptuner.kernels.invariants import invariants, invariants_reverse, invariants_tangent_reverse
from neptuner.kernels.radial_pairs import radial_forces, radial_scratch, radial_transpose
from neptuner.kernels.sweeps import Part, _gather, _push_forward, _reverse_networks
from neptuner.kernels.vectors import BLOCK
from neptuner.kernels.weights import part_of, weights_of, zero_gradients
from neptuner.potential.model import Model
from neptuner.potential.parameters import parameter_count
from neptuner.potential.settings import Settings

PEAK = 89.0
"""GFlop/s of one core, measured by ``peak.py``."""

L_MAX = (4, 1, 0, 0, 0, 0, 0)
SYSTEMS = {
    "J14": (Settings(("Mg", "Ni", "Zn", "Co", "Cu", "O"), 4, (6.0, 3.9), (4, 4), (8, 8), L_MAX, (30,)), "j14-dft", 48),
    "PbTe": (Settings(("Te", "Pb"), 4, (8.0, 4.0), (6, 6), (6, 6), L_MAX, (30,)), "pbte", 5),
}
"""Settings, folder with train.xyz, frames of a mini-batch."""


@kernel
def sweep_until(
    stages, geometry, radial, weights, terms, part, scratch, kept, forces, virial, force_tangent, gradient
) -> None:
    """``energy_sweep`` and what of ``gradient_sweep`` is not done there, as far as the given number of stages."""
    forces[:] = forces.dtype.type(0.0)
    w, rows = make_slots(geometry.angular.start, part.blocks, part.atoms, terms.rows, scratch), terms.rows
    S, networks, n_densities = radial_scratch(geometry.radial, radial), weights.networks, radial.shape[1]
    flat = np.zeros((4, kept.shape[1]), kept.dtype)
    g, dv = cut_dense(weights, rows, flat[0]), cut_dense(weights, rows, flat[1])
    bar, dbar = cut_dense(weights, rows, flat[2]), cut_dense(weights, rows, flat[3])
    dz1, dz2, exists = np.zeros_like(dv.h1), np.zeros_like(dv.h2), np.ones(BLOCK, kept.dtype)
    U, slopes = np.empty(BLOCK, kept.dtype), np.empty((n_densities, BLOCK), kept.dtype)
    l_max, monomials, factors, five = terms.l_max, terms.monomials, terms.factors, terms.five_body
    for b in range(part.blocks.shape[0]):
        begin, a = part.blocks[b, 0], part.blocks[b, 2]
        m, net = part.blocks[b, 1] - begin, a if networks.W0.shape[0] > 1 else 0
        v, D, dR = cut_dense(weights, rows, kept[b % kept.shape[0]]), g.R[:n_densities], dv.R[:n_densities]
        if stages == 0:
            continue
        fill_slots(geometry.angular, part.atoms, part.shifts, begin, m, part.atoms.shape[0], rows, w)
        if stages == 1:
            continue
        radial_functions(terms.inverse_cutoff[1, a], weights.series[a], weights.slopes[a], rows, w)
        if stages == 2:
            continue
        unit_vectors(rows, w)
        harmonics(terms.harmonics, rows, w)
        if stages == 3:
            continue
        expansion(rows, w, v.a)
        if stages == 4:
            continue
        _gather(radial, part.atoms, begin, m, v.R)
        contract(weights.c_radial[a], v.R, v.q)
        invariants(v.a, l_max, monomials, factors, five, angular_part(v, weights))
        scale(v.q, networks.q_scaler, v.x)
        hidden_layer(networks.W0[net], networks.b0[net], v.x, v.h1)
        output_sum(networks.w[net], v.h1, U)
        energy_gradient(weights, terms, a, v, g, D, slopes)
        if stages == 5:
            continue
        energy_slopes(rows, w, g.a)
        if stages == 6:
            continue
        partial_forces(terms.harmonics, rows, w)
        scatter_forces(part.atoms, part.shifts, begin, m, rows, w, forces, virial)
        if stages == 7:
            continue
        cutoffs = terms.inverse_cutoff[0, a]
        radial_forces(geometry.radial, part.atoms, part.shifts, begin, m, cutoffs, D, slopes, S, forces, virial)
        if stages == 8:
            continue
        radial_transpose(geometry.radial, part.atoms, part.shifts, begin, m, cutoffs, force_tangent, virial, S, dR)
        if stages == 9:
            continue
        pair_tangents(part.atoms, part.shifts, begin, m, force_tangent, virial, rows, w)
        harmonic_tangents(terms.harmonics, rows, w)
        if stages == 10:
            continue
        function_tangents(rows, w)
        expansion_tangent(rows, w, dv.a)
        if stages == 11:
            continue
        _push_forward(weights, terms, a, v, dv, dz1, dz2)
        _reverse_networks(weights, a, v, dv, dz1, dz2, U, exists, bar, dbar, gradient)
        accumulate(bar.q, v.R, dbar.q, dv.R, gradient.c_radial[a])
        q, dq = angular_part(v, weights), angular_part(dv, weights)
        q_bar, dq_bar = angular_part(bar, weights), angular_part(dbar, weights)
        invariants_tangent_reverse(v.a, dv.a, l_max, monomials, factors, five, q, dq, q_bar, dq_bar, bar.a)
        invariants_reverse(v.a, l_max, monomials, factors, five, q, dq_bar, dbar.a)
        if stages == 12:
            continue
        function_gradients(rows, w, bar.a, dbar.a)
        if stages == 13:
            continue
        coefficient_gradient(rows, w, gradient.c_angular[a])


def operations(settings: Settings, radial: float, angular: float, monomials: int) -> dict[str, float]:
    """Floating-point operations of each stage for an atom with so many neighbours; a multiply-add is two."""
    (nr, n), (kr, k) = settings.functions, settings.basis
    lm, d, h, densities = settings.n_harmonics, settings.dim, settings.neuron[0], settings.n_types * kr
    layer, radial_part = 2 * d * h, 2 * nr * densities
    invariant = n * (2 * lm + 4 * monomials)
    return {
        "pairs into slots": 0,
        "angular: radial functions": angular * (50 + 2 * (k - 2) + n * (4 * (k - 1) + 4)),
        "angular: harmonics": angular * (3 * lm + 15),
        "angular: expansion": angular * 2 * n * lm,
        "networks, invariants and their slopes": 2 * (layer + radial_part + invariant) + 30 * h + 3 * densities,
        "angular: slopes": angular * (4 * n + 2) * lm,
        "angular: partial forces, scatter": angular * (9 * lm + 40),
        "radial: forces": radial * (50 + 6 * (kr - 1) + 40),
        "radial: transpose": radial * (50 + 30 + 6 * kr),
        "angular: tangents of pairs": angular * (40 + 5 * lm),
        "angular: tangent of the expansion": angular * (4 * n * lm + n),
        "networks, invariants: tangent and reverse": 7 * layer + 3 * radial_part + 5 * invariant + 20 * h,
        "angular: gradient by functions": angular * n * (6 * lm + 2),
        "angular: gradient by coefficients": angular * (4 * k + n * (4 * (k - 1) + 6)),
    }


def profile(name: str, data: Path, repeats: int) -> None:
    """Print the table of one system."""
    settings, folder, size = SYSTEMS[name]
    frames, rng = read_frames(data / folder / "train.xyz"), np.random.default_rng(1)
    prepared = engine.prepare(frames, settings)
    model = Model(settings, rng.normal(size=parameter_count(settings)), np.ones(settings.dim), (500, 200))
    weights = weights_of(model, prepared.dtype)
    batch = engine.make_batch(prepared, np.sort(rng.choice(len(frames), size, replace=False)))
    series, kept = engine._kept(prepared, weights, batch)
    n = batch.n_atoms
    forces, virial = np.zeros((n + 1, 3), np.float32), np.zeros((n, 6), np.float32)
    tangent, gradient = rng.normal(size=(n + 1, 3)).astype(np.float32), part_of(zero_gradients(weights, 1), 0)
    parts = [Part(blocks, batch.atoms, batch.shifts) for blocks in batch.chunks]
    pairs = [part.start[batch.atoms, -1] - part.start[batch.atoms, 0] for part in prepared.geometry[2:]]
    counts = operations(settings, pairs[0].mean(), pairs[1].mean(), len(prepared.terms.factors))
    best = np.full(len(counts) + 1, np.inf)
    for _ in range(repeats):
        for stages in range(len(best)):
            begin = thread_time()
            for part, values in zip(parts, kept, strict=True):
                scratch = engine.scratch(batch.scratch, np.dtype(np.float32))
                sweep_until(
                    stages,
                    prepared.geometry,
                    prepared.radial,
                    series,
                    prepared.terms,
                    part,
                    scratch,
                    values,
                    forces,
                    virial,
                    tangent,
                    gradient,
                )
            best[stages] = min(best[stages], thread_time() - begin)
    times = np.diff(best) / n * 1e6
    print(f"\n{name}: {n} atoms, {pairs[0].mean():.0f} + {pairs[1].mean():.0f} neighbours\n")
    print("| stage | flops an atom | us an atom | of peak flops |\n|---|---:|---:|---:|")
    for (stage, flops), time in zip(counts.items(), times, strict=True):
        print(f"| {stage} | {flops:,.0f} | {time:.2f} | {flops / time / 1e3 / PEAK:.0%} |")
    print(f"| calls, layout | | {best[0] / n * 1e6:.2f} | |")
    print(f"| all | {sum(counts.values()):,.0f} | {best[-1] / n * 1e6:.2f} | |")


def main() -> None:
    """Profile every system."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--repeats", type=int, default=60)
    options = parser.parse_args()
    for name in SYSTEMS:
        profile(name, options.data, options.repeats)


if __name__ == "__main__":
    main()
