"""The order of numbers in nep.txt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models import EVERY_KIND, random_model
from neptuner.potential.model import Model
from neptuner.potential.parameters import parameter_count, unpack
from neptuner.potential.settings import Settings


@pytest.mark.parametrize(("version", "neuron", "l_max"), EVERY_KIND)
def test_views_cover_the_vector_exactly_once(version, neuron, l_max) -> None:
    settings = random_model(version, neuron, l_max).settings
    values = np.zeros(parameter_count(settings))
    parameters = unpack(settings, values)
    arrays = [parameters.output, parameters.bias, parameters.c_radial, parameters.c_angular]
    arrays += [array for layer in parameters.hidden for array in (layer.weight, layer.bias)]
    arrays += [parameters.type_bias] if parameters.type_bias is not None else []
    for array in arrays:
        array += 1.0
    assert (values == 1.0).all()


def test_counts_are_those_of_the_published_j14_model() -> None:
    """12649 parameters and 61 descriptors: Mg Ni Zn Co Cu O, NEP3, 30-30 neurons, n_max 10 9, basis_size 12 12."""
    settings = Settings(
        ("Mg", "Ni", "Zn", "Co", "Cu", "O"), 3, (8.4, 3.9), (10, 9), (12, 12), (4, 1, 0, 0, 0, 0, 0), (30, 30)
    )
    assert (settings.dim, parameter_count(settings)) == (61, 12649)


def test_coefficients_are_stored_by_n_k_centre_neighbour() -> None:
    settings = random_model().settings
    values = np.arange(float(parameter_count(settings)))
    c = unpack(settings, values).c_radial
    assert c[1, 2, 1, 0] - c[0, 0, 0, 0] == ((1 * 6 + 2) * 2 + 1) * 2


def test_a_vector_of_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="expected"):
        unpack(random_model().settings, np.zeros(3))


@pytest.mark.parametrize(("version", "neuron", "l_max"), EVERY_KIND)
def test_model_survives_nep_txt(tmp_path: Path, version, neuron, l_max) -> None:
    nep = random_model(version, neuron, l_max, cutoff=(5.0, 4.0, 4.0, 3.5))
    nep.write(tmp_path / "nep.txt")
    again = Model.read(tmp_path / "nep.txt")
    assert again.settings == nep.settings
    assert again.max_neighbors == nep.max_neighbors
    np.testing.assert_allclose(again.values, nep.values, rtol=1e-7)
    np.testing.assert_allclose(again.q_scaler, nep.q_scaler, rtol=1e-7)
