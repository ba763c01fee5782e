"""Compile the sweep of molecular dynamics anew and print the double-precision instructions of its float32 kernels.

Run by ``test_precision.py`` with an empty cache: of kernels loaded from a cache only the outermost one is known.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import numpy as np

from models import random_frame, random_model
from neptuner.kernels import angular_rows, invariants, linear, network, rows, site_sweep
from neptuner.kernels.compile import kernel
from neptuner.kernels.evaluator import Evaluator
from neptuner.kernels.site_weights import site_weights

ALL_SINGLE = [
    rows.measure,
    rows.chebyshev_sums,
    rows.derivative_series,
    rows.chebyshev_values,
    angular_rows.unit_vectors,
    angular_rows.chebyshev_rows,
    angular_rows.gather_chebyshev,
    angular_rows.radial_functions,
    angular_rows.basis_functions,
    angular_rows.harmonic_rows,
    angular_rows.expansion,
    angular_rows.slopes,
    angular_rows.partial_forces,
    site_sweep.radial_rows,
    site_sweep.radial_forward,
    linear.contract,
    linear.expand,
    invariants.invariants,
    invariants.invariants_reverse,
    network.hidden_layer,
    network.output_sum,
    network.input_gradient,
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
    frame = random_frame()
    types = np.array([0, 1] * 4, dtype=np.int32)[: frame.n_atoms]
    weights = site_weights(random_model(5, (6, 5), (4, 1, 1, 1, 1, 1, 1), zbl="universal"), np.float32)
    Evaluator(weights, types).evaluate(frame.positions, frame.cell)
    promoted(np.ones(1, np.float32))
    json.dump({f.py_func.__name__: double_instructions(f) for f in [*ALL_SINGLE, promoted]}, sys.stdout)


if __name__ == "__main__":
    main()
