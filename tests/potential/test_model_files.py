"""Models of every form of nep.txt, read and written back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models import EVERY_KIND, VARIANTS, random_frame, random_model
from neptuner.errors import InputError
from neptuner.files.nep_txt import NepTxt, count_values, format_nep_txt
from neptuner.potential.model import Model
from neptuner.potential.reference import evaluate
from neptuner.potential.settings import Settings
from neptuner.potential.zbl import Zbl

FORMS = {
    "plain": {},
    "without neighbours": {"max_neighbors": (0, 0)},
    "a cutoff for each element": {"cutoff": (6.0, 4.5, 5.5, 4.0)},
    "type-wise cutoffs": {"typewise_cutoff": (2.5, 2.0, -1.0)},
    "type-wise cutoffs, universal ZBL": {"typewise_cutoff": (2.5, 2.0, -1.0), "zbl": (0.7, 1.4)},
    "type-wise cutoffs, type-wise ZBL": {"typewise_cutoff": (2.5, 2.0, 0.65), "zbl": (1.0, 2.0)},
    "type-wise ZBL of old": {"typewise_cutoff": (-1.0, -1.0, 0.65), "zbl": (1.0, 2.0)},
    "universal ZBL": {"zbl": (1.0, 2.0)},
    "type-wise ZBL": {"zbl": (1.0, 2.0, 0.7), "cutoff": (6.0, 4.5, 5.5, 4.0)},
    "flexible ZBL": {"zbl": (0.0, 0.0)},
    "flexible ZBL with a factor": {"zbl": (0.0, 0.0), "typewise_cutoff": (-1.0, -1.0, 0.65)},
}


def text_of(version: int, **changes) -> str:
    """A nep.txt of the form given, with random numbers."""
    shape = {"cutoff": (6.0, 4.5), "max_neighbors": (80, 30), **changes}
    neptxt = {"n_max": (1, 2), "basis_size": (2, 1), "l_max": (3, 1, 1, 0, 1, 0, 0), "neuron": (2,), **shape}
    empty = NepTxt(version=version, elements=("Mg", "O"), values=np.empty(0), **neptxt)
    values = np.random.default_rng(0).normal(size=count_values(empty))
    return format_nep_txt(NepTxt(version=version, elements=("Mg", "O"), values=values, **neptxt))


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize("changes", FORMS.values(), ids=FORMS.keys())
def test_a_model_is_written_back_byte_for_byte(tmp_path: Path, version, changes) -> None:
    text = text_of(version, **changes)
    (tmp_path / "nep.txt").write_text(text)
    Model.read(tmp_path / "nep.txt").write(tmp_path / "again.txt")
    assert (tmp_path / "again.txt").read_text() == text


@pytest.mark.parametrize(
    ("form", "typewise", "zbl"),
    [
        ("plain", None, None),
        ("type-wise cutoffs", (2.5, 2.0), None),
        ("type-wise cutoffs, universal ZBL", (2.5, 2.0), Zbl(0.7, 1.4)),
        ("type-wise cutoffs, type-wise ZBL", (2.5, 2.0), Zbl(1.0, 2.0, 0.65, inner_is_half=True)),
        ("type-wise ZBL of old", None, Zbl(1.0, 2.0, 0.65, inner_is_half=True)),
        ("universal ZBL", None, Zbl(1.0, 2.0)),
        ("type-wise ZBL", None, Zbl(1.0, 2.0, 0.7)),
    ],
)
def test_settings_of_each_form(tmp_path: Path, form, typewise, zbl) -> None:
    (tmp_path / "nep.txt").write_text(text_of(4, **FORMS[form]))
    settings = Model.read(tmp_path / "nep.txt").settings
    assert (settings.typewise_cutoff, settings.zbl) == (typewise, zbl)
    assert hash(settings) == hash(Model.read(tmp_path / "nep.txt").settings)


def test_flexible_numbers_are_the_last_of_the_file(tmp_path: Path) -> None:
    text = text_of(4, zbl=(0.0, 0.0))
    (tmp_path / "nep.txt").write_text(text)
    model = Model.read(tmp_path / "nep.txt")
    last = [float(line) for line in text.splitlines()[-30:]]
    assert model.settings.zbl == Zbl(0.0, 0.0, pairs=tuple(tuple(last[i : i + 10]) for i in (0, 10, 20)))
    assert model.q_scaler.tolist() == [float(line) for line in text.splitlines()[-30 - model.settings.dim : -30]]


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS.keys())
@pytest.mark.parametrize(("version", "neuron", "l_max"), EVERY_KIND[::4])
def test_every_variant_survives_nep_txt(tmp_path: Path, version, neuron, l_max, options) -> None:
    model = random_model(version, neuron, l_max, **options)
    model.write(tmp_path / "nep.txt")
    again = Model.read(tmp_path / "nep.txt")
    assert (again.settings, again.max_neighbors) == (model.settings, model.max_neighbors)
    np.testing.assert_allclose(again.values, model.values, rtol=1e-7)
    np.testing.assert_allclose(again.q_scaler, model.q_scaler, rtol=1e-7)


def test_every_variant_says_something_of_its_own() -> None:
    frame = random_frame(0)
    energies = [evaluate(random_model(**options), frame).energy for options in ({}, *VARIANTS.values())]
    assert np.diff(np.sort(energies)).min() > 1e-3


def test_typewise_cutoffs_only_ever_shorten() -> None:
    shape = ((3, 2), (5, 4), (4, 1, 1, 0, 0, 0, 0), (7,))
    elements = ("Mg", "O")
    settings = Settings(elements, 4, (5.0, 4.0), *shape, typewise_cutoff=(1.6, 1.3))
    mg, o = 1.66667, 0.84
    expected = [
        [[5.0, 1.6 * (mg + o)], [1.6 * (mg + o), 1.6 * 2 * o]],
        [[4.0, 1.3 * (mg + o)], [1.3 * (mg + o), 1.3 * 2 * o]],
    ]
    np.testing.assert_allclose(settings.pair_cutoffs, expected, rtol=1e-12)
    np.testing.assert_array_equal(
        Settings(elements, 4, (5.0, 4.0), *shape, typewise_cutoff=(9.0, 9.0)).pair_cutoffs,
        Settings(elements, 4, (5.0, 4.0), *shape).pair_cutoffs,
    )


def test_cutoffs_of_two_elements_are_averaged() -> None:
    radial, angular = random_model(cutoff=(5.0, 4.0, 4.2, 3.2)).settings.pair_cutoffs
    np.testing.assert_allclose(radial, [[5.0, 4.6], [4.6, 4.2]])
    np.testing.assert_allclose(angular, [[4.0, 3.6], [3.6, 3.2]])


def test_cutoffs_without_a_common_form_are_not_written(tmp_path: Path) -> None:
    model = random_model(cutoff=(5.0, 4.0, 4.2, 3.2), typewise_cutoff=(1.6, 1.4))
    with pytest.raises(InputError, match=r"no nep.txt holds type-wise cutoff factors and a cutoff for each"):
        model.write(tmp_path / "nep.txt")
    assert not list(tmp_path.iterdir())
