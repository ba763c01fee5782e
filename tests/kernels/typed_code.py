"""Compile the sweeps of molecular dynamics and training anew and print the double precision in their float32 kernels.

Of kernels loaded from a cache only the outermost one is known, so that nothing is loaded; but all is saved for others.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import numpy as np
from numba.core.caching import FunctionCache

from models import random_frame, random_model
from neptuner.kernels import (
    angular_functions,
    angular_slots,
    angular_sums,
    block_linear,
    block_network,
    invariants,
    linear,
    network,
    pair_vectors,
    radial_pairs,
    site_forces,
    site_pairs,
)
from neptuner.kernels.compile import kernel
from neptuner.kernels.engine import evaluate, gradient, make_batch, prepare
from neptuner.kernels.evaluator import Evaluator
from neptuner.kernels.site_weights import site_weights
from neptuner.kernels.weights import weights_of

ALL_SINGLE = [
    site_pairs.radial_densities,
    site_pairs._begin_sums,
    site_pairs._eight_sums,
    site_forces._slopes,
    site_forces._radial_rows,
    site_forces._slot_rows,
    site_forces.take_rows,
    linear.contract,
    linear.expand,
    invariants.invariants,
    invariants.invariants_reverse,
    invariants.invariants_tangent,
    invariants.invariants_tangent_reverse,
    network.hidden_layer,
    network.output_sum,
    network.input_gradient,
    pair_vectors.measure,
    radial_pairs.radial_density,
    radial_pairs.radial_forces,
    radial_pairs.radial_transpose,
    angular_slots.fill_slots,
    angular_functions.radial_functions,
    angular_functions.unit_vectors,
    angular_functions.harmonics,
    angular_functions.harmonic_tangents,
    angular_sums.expansion,
    angular_sums.expansion_tangent,
    angular_sums.energy_slopes,
    angular_sums.partial_forces,
    angular_sums.scatter_forces,
    angular_sums.pair_tangents,
    angular_sums.function_tangents,
    angular_sums.function_gradients,
    angular_sums.coefficient_gradient,
    block_linear.contract,
    block_linear.expand,
    block_linear.accumulate,
    block_network.hidden_layer,
    block_network.output_sum,
    block_network.input_gradient,
    block_network.layer_tangent,
    block_network.output_reverse,
    block_network.layer_reverse,
]
"""Positions, energies and total virials are double precision on purpose; all else on pairs and atoms is not."""


@kernel
def promoted(x):
    """What the search must find."""
    return 2.0 * x[0]


def double_instructions(function: Any) -> list[str] | None:
    """Instructions on doubles in the compiled float32 versions of a kernel; None if there is no such version."""
    single = [signature for signature in function.signatures if "float64" not in str(signature)]
    if not single:
        return None
    found = []
    for signature in single:
        bodies = re.split(r"^define ", function.inspect_llvm(signature), flags=re.MULTILINE)[1:]
        kernels = [body for body in bodies if "cpython" not in body.splitlines()[0]]
        found += [line for body in kernels for line in body.splitlines() if re.search(r"= f\w+ .*\bdouble\b", line)]
    return found


def main() -> None:
    """Compile and print ``{kernel: instructions}``."""
    FunctionCache.load_overload = lambda *_: None
    frame = random_frame()
    types = np.array([0, 1] * 4, dtype=np.int32)[: frame.n_atoms]
    model = random_model(5, (6, 5), (4, 1, 1, 1, 1, 1, 1), zbl="universal")
    Evaluator(site_weights(model, np.float32), types).evaluate(frame.positions, frame.cell)
    prepared, parameters = prepare([frame], model.settings), weights_of(model, np.float32)
    batch = make_batch(prepared)
    outputs = evaluate(prepared, parameters, batch)
    gradient(prepared, parameters, batch, outputs.energy, outputs.forces, outputs.virial)
    promoted(np.ones(1, np.float32))
    json.dump({f.py_func.__name__: double_instructions(f) for f in [*ALL_SINGLE, promoted]}, sys.stdout)


if __name__ == "__main__":
    main()
