from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neptuner.errors import InputError
from neptuner.files.extxyz import read_frames
from neptuner.files.frames import Frame
from neptuner.files.predictions import read_predictions, write_predictions


def frame(n: int, **labels: object) -> Frame:
    generator = np.random.default_rng(n)
    return Frame(
        species=np.array(["O"] * n),
        positions=generator.normal(size=(n, 3)),
        cell=2.0 * np.eye(3),
        **labels,  # type: ignore[arg-type]
    )


def test_four_files_in_the_format_of_gpumd(tmp_path: Path) -> None:
    virial = np.array([1.0, 2, 3, np.nan, np.nan, np.nan])
    frames = [frame(2, energy=-7.0, forces=np.full((2, 3), 0.5), virial=virial), frame(1)]
    energy, forces, predicted = np.array([-7.5, -3.1234567]), np.arange(9.0).reshape(3, 3), np.ones((2, 6))
    write_predictions(tmp_path, "test", frames, energy, forces, predicted)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["energy_test.out", "force_test.out", "stress_test.out", "virial_test.out"]
    missing = "-1e+06"
    assert (tmp_path / "energy_test.out").read_text() == f"-3.75 -3.5\n-3.12346 {missing}\n"
    assert (tmp_path / "force_test.out").read_text().splitlines() == [
        "0 1 2 0.5 0.5 0.5", "3 4 5 0.5 0.5 0.5", f"6 7 8 {missing} {missing} {missing}",
    ]  # fmt: skip
    assert (tmp_path / "virial_test.out").read_text().splitlines() == [
        "0.5 0.5 0.5 0.5 0.5 0.5 0.5 1 1.5" + f" {missing}" * 3,
        "1 1 1 1 1 1" + f" {missing}" * 6,
    ]
    gpa = 160.2177 / 8.0
    assert (tmp_path / "stress_test.out").read_text().splitlines()[0] == " ".join(
        f"{value:g}" for value in [gpa] * 6 + [gpa, 2 * gpa, 3 * gpa]
    ) + f" {missing}" * 3


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    frames = [
        frame(n, energy=-3.0 * n, forces=generator.normal(size=(n, 3)), virial=generator.normal(size=6))
        for n in (1, 4, 2)
    ]
    frames[1].virial[3:] = np.nan  # type: ignore[index]
    energy, forces, virial = (
        generator.normal(size=3),
        generator.normal(size=(7, 3)),
        generator.normal(size=(3, 6)),
    )
    write_predictions(tmp_path, "train", frames, energy, forces, virial)
    found = read_predictions(tmp_path, "train")
    atoms = np.array([1, 4, 2])
    np.testing.assert_allclose(found.energy, energy / atoms, rtol=1e-5)
    np.testing.assert_allclose(found.energy_reference, -3.0)
    np.testing.assert_allclose(found.force, forces, rtol=1e-5)
    np.testing.assert_allclose(found.force_reference, np.vstack([one.forces for one in frames]), rtol=1e-5)
    np.testing.assert_allclose(found.virial, virial / atoms[:, None], rtol=1e-5)
    expected = np.array([one.virial for one in frames]) / atoms[:, None]
    np.testing.assert_allclose(found.virial_reference, expected, rtol=1e-5)
    assert np.isnan(found.virial_reference[1, 3:]).all()


def test_no_frames(tmp_path: Path) -> None:
    write_predictions(tmp_path, "test", [], np.empty(0), np.empty((0, 3)), np.empty((0, 6)))
    found = read_predictions(tmp_path, "test")
    assert found.energy.shape == (0,)
    assert found.force.shape == (0, 3)
    assert found.virial_reference.shape == (0, 6)


def test_bad_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"energy_test\.out: there is no such file"):
        read_predictions(tmp_path, "test")
    write_predictions(tmp_path, "test", [frame(1)], np.ones(1), np.ones((1, 3)), np.ones((1, 6)))
    (tmp_path / "force_test.out").write_text("1 2 3 4 5 6\n1 2 3\n")
    with pytest.raises(InputError, match=r"force_test\.out, line 2: has 3 columns, expected 6"):
        read_predictions(tmp_path, "test")
    (tmp_path / "force_test.out").write_text("1 2 3 4 5 x\n")
    with pytest.raises(InputError, match=r"force_test\.out: holds something that is not a number"):
        read_predictions(tmp_path, "test")


def test_references_of_gpumd_are_the_frames(shared_data: Path) -> None:
    frames = read_frames(shared_data / "j14-dft" / "test.xyz")
    found = read_predictions(shared_data / "j14-default-run", "test")
    atoms = np.array([one.n_atoms for one in frames])
    np.testing.assert_allclose(found.energy_reference, [one.energy for one in frames] / atoms, rtol=1e-5)
    np.testing.assert_allclose(found.force_reference, np.vstack([one.forces for one in frames]), rtol=1e-5)
    virial = np.array([one.virial for one in frames]) / atoms[:, None]
    np.testing.assert_allclose(found.virial_reference, virial, rtol=1e-5, atol=1e-9)


def test_gpumd_has_no_virial_for_pbte(shared_data: Path) -> None:
    assert np.isnan(read_predictions(shared_data / "pbte", "train").virial_reference).all()
