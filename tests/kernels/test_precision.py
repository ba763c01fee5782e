"""Single precision stays single, and the functions we fitted ourselves are as exact as they say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from neptuner.kernels import network
from neptuner.kernels.network import tanh
from neptuner.kernels.pair_vectors import COSINE, SINE


def test_no_double_precision_on_pairs() -> None:
    """A bare ``2.0 * x`` in a float32 kernel would promote it to float64, slowly and silently."""
    script = Path(__file__).with_name("typed_code.py")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    done = subprocess.run([sys.executable, script], env=env, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found.pop("promoted"), "the search finds nothing even where there is something"
    assert len(found) > 20
    assert found == {name: [] for name in found}


def test_cutoff_series_are_exact() -> None:
    u = np.linspace(0.0, 1.0, 10001)
    cosine = (1 - u**2) * np.polynomial.polynomial.polyval(u**2, COSINE)
    sine = u * np.polynomial.polynomial.polyval(u**2, SINE)
    assert np.abs(cosine - np.cos(np.pi * u / 2)).max() < 2e-15
    assert np.abs(sine - np.sin(np.pi * u / 2)).max() < 2e-15
    assert cosine[-1] == 0.0


def test_single_precision_tanh() -> None:
    x = np.linspace(-30, 30, 20001).astype(np.float32)
    ours = np.array([network._tanh_single(value) for value in x])
    assert np.abs(ours - np.tanh(x.astype(float))).max() < 5e-7
    small = x[(x != 0) & (abs(x) < 1)]
    relative = np.array([network._tanh_single(value) for value in small]) / np.tanh(small.astype(float)) - 1
    assert np.abs(relative).max() < 5e-7
    with pytest.raises(NotImplementedError):
        tanh(0.5)
