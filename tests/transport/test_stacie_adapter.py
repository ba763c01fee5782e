from __future__ import annotations

import numpy as np
import pytest
from synthetic_series import ornstein_uhlenbeck, ornstein_uhlenbeck_spectrum

from neptuner.errors import InputError
from neptuner.transport import stacie_adapter
from neptuner.transport.currents import Currents


def test_conductivity_of_a_known_process() -> None:
    pytest.importorskip("stacie", reason="needs the extra [transport]")
    given = Currents(ornstein_uhlenbeck(np.random.default_rng(1), 24, 160, 0.6), 0.01, 2e4, 300.0)
    found = stacie_adapter.stacie(given)
    true = given.conductivity_per_integral * given.sample_ps * ornstein_uhlenbeck_spectrum(0.6) / 2
    assert found.kappa == pytest.approx(true, abs=3 * found.standard_error)
    assert 0.02 < found.standard_error / found.kappa < 0.3


def test_without_stacie_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacie_adapter, "available", lambda: False)
    with pytest.raises(InputError, match=r"neptuner\[transport\]"):
        stacie_adapter.stacie(Currents(np.ones((1, 200)), 0.01, 2e4, 300.0))
