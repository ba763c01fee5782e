from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from synthetic_study import make_study, sizes

from neptuner.report import parity_charts
from neptuner.report.evaluation import Evaluation, element_errors, evaluate, frame_errors, rmse, worst_first
from neptuner.report.evaluation_page import elements_table, errors_table, worst_table
from neptuner.report.reading import load_results
from neptuner.report.structures import embedded_frames

ATOMS = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_study(tmp_path_factory.mktemp("study") / "s", frames=True, atoms=ATOMS)


@pytest.fixture(scope="module")
def evaluation(folder: Path) -> Evaluation:
    return evaluate(load_results(folder))


def table_of(folder: Path, quantity: str) -> np.ndarray:
    """Predictions and references of the final model, from its file."""
    results = load_results(folder)
    assert results.final is not None
    return np.loadtxt(results.folders(results.final)[0] / f"{quantity}_test.out")


def test_frame_errors_are_those_of_the_files(folder: Path, evaluation: Evaluation) -> None:
    table = table_of(folder, "force")
    square = (table[:, :3] - table[:, 3:]) ** 2
    ends = np.cumsum(sizes(ATOMS))[:-1]
    expected = [np.sqrt(part.mean()) for part in np.split(square, ends)]
    found = frame_errors(evaluation, evaluation.models[-1], "force")
    np.testing.assert_allclose(found, expected)
    assert worst_first(evaluation).tolist() == np.argsort(expected)[::-1].tolist()
    energy = table_of(folder, "energy")
    np.testing.assert_allclose(
        frame_errors(evaluation, evaluation.models[-1], "energy"), abs(energy[:, 0] - energy[:, 1])
    )


def test_element_errors_are_those_of_the_files(folder: Path, evaluation: Evaluation) -> None:
    table, species = table_of(folder, "force"), evaluation.species
    found = element_errors(evaluation, evaluation.models[-1])
    for element in ("Te", "Pb"):
        part = table[species == element]
        assert found[element] == pytest.approx(np.sqrt(np.mean((part[:, :3] - part[:, 3:]) ** 2)))
    cells = [[cell.text for cell in row.cells] for row in elements_table(evaluation).rows]
    assert [row[0] for row in cells] == ["Pb", "Te"]
    assert cells[1][1] == str(int((species == "Te").sum()))
    assert cells[1][-1] == f"{found['Te']:.4f}"


def test_points_name_the_frame_and_atom_they_are(folder: Path, evaluation: Evaluation) -> None:
    table = table_of(folder, "force")
    first = np.concatenate([[0], np.cumsum(sizes(ATOMS))])
    points = parity_charts.parity_chart(evaluation, "force")["data"][-1]
    assert len(points["x"]) == 3 * ATOMS
    for x, y, (frame, atom, words) in zip(points["x"], points["y"], points["customdata"], strict=True):
        component = "xyz".index(words[-1])
        assert (y, x) == pytest.approx(
            (table[first[frame - 1] + atom, component], table[first[frame - 1] + atom, 3 + component])
        )
        assert words.startswith(f"frame {frame}, atom {atom + 1} ({evaluation.frames[frame - 1].species[atom]})")


def test_worst_points_are_kept_of_many(monkeypatch: pytest.MonkeyPatch, folder: Path, evaluation: Evaluation) -> None:
    monkeypatch.setattr(parity_charts, "MOST_CLICKABLE", 5)
    table = table_of(folder, "force")
    points = parity_charts.parity_chart(evaluation, "force")["data"][-1]
    errors = np.sort(np.abs(points["x"] - points["y"]))[::-1]
    assert len(errors) == 10
    np.testing.assert_allclose(errors[:5], np.sort(np.abs(table[:, :3] - table[:, 3:]).ravel())[::-1][:5])


def test_density_counts_every_component(evaluation: Evaluation) -> None:
    density = next(t for t in parity_charts.parity_chart(evaluation, "force")["data"] if t["type"] == "heatmap")
    assert np.nansum((10 ** density["z"]).round()) == pytest.approx(3 * ATOMS)


def test_embedded_frames_are_those_of_the_file(evaluation: Evaluation, monkeypatch: pytest.MonkeyPatch) -> None:
    found = embedded_frames(evaluation)
    assert found is not None
    assert set(found["frames"]) == {str(n + 1) for n in range(len(evaluation.frames))}
    for number, about in found["frames"].items():
        frame = evaluation.frames[int(number) - 1]
        np.testing.assert_allclose(about["positions"].reshape(-1, 3), frame.positions, atol=0.0051)
        assert about["species"] == frame.species.tolist()
        assert about["line"] == frame.line
        assert about["comment"] == f"config_type=kind-{int(number) - 1}"
    assert all(look["color"].startswith("#") and look["radius"] > 0.5 for look in found["elements"].values())
    monkeypatch.setattr("neptuner.report.structures.MOST_ATOMS", max(sizes(ATOMS)))
    worst = str(worst_first(evaluation)[0] + 1)
    some = embedded_frames(evaluation)
    assert some is not None
    assert [n for n, about in some["frames"].items() if "positions" in about] == [worst]


def test_tables_name_model_frame_and_line(evaluation: Evaluation) -> None:
    worst = worst_table(evaluation).rows[0].cells
    index = worst_first(evaluation)[0]
    assert (worst[0].text, worst[1].text) == (str(index + 1), str(evaluation.frames[index].line))
    errors = errors_table(evaluation)
    assert [cell.text for cell in errors.header] == ["Model", "Force RMSE", "Energy RMSE", "Virial RMSE"]
    assert errors.rows[-1].cells[1].text == f"{rmse(evaluation.models[-1], 'force'):.4f}"


def test_frames_that_do_not_fit_are_not_taken(tmp_path: Path) -> None:
    folder = make_study(tmp_path / "s", frames=True, phases=("baseline",), replicates=1)
    path = folder / "data/test.xyz"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[: sizes(60)[0] + 2]))
    found = evaluate(load_results(folder))
    assert found.frames == ()
    assert element_errors(found, found.models[0]) == {}
    assert embedded_frames(found) is None
    assert parity_charts.parity_chart(found, "energy")["data"][-1]["customdata"] == []


def test_missing_predictions_are_a_sentence(tmp_path: Path) -> None:
    folder = make_study(tmp_path / "s", phases=("baseline",), replicates=1)
    next(folder.glob("trials/baseline-*/virial_test.out")).unlink()
    found = evaluate(load_results(folder))
    assert found.models == ()
    assert "virial_test.out" in found.problem
    raw = json.loads((folder / "results.json").read_text())
    (folder / "results.json").write_text(json.dumps({**raw, "baseline": None}))
    assert evaluate(load_results(folder)).problem == "No model has been trained yet."
