"""Every Python block of the manual runs, in a folder that has the files that it speaks of."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from manual_pages import PAGES, Block, blocks, name_of

from models import CELL, random_frame, random_model
from neptuner.files.extxyz import write_frames
from neptuner.files.masses import default_masses
from neptuner.files.structure import Structure, write_structure
from taught import taught

WITH_PYTHON = [page for page in PAGES if any(block.language == "python" for block in blocks(page))]
RUN_IN = "potential ../../nep.txt\nvelocity 10 seed 1\nensemble nve\ntime_step 0.1\nrun 5\n"


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A potential, frames, and a simulation to be run."""
    random_model(version=4).write(tmp_path / "nep.txt")
    write_frames(tmp_path / "test.xyz", taught(6, 50))
    folder = tmp_path / "runs" / "300K"
    folder.mkdir(parents=True)
    (folder / "run.in").write_text(RUN_IN)
    frame = random_frame()
    masses, none = default_masses(frame.species.tolist()), np.zeros((0, frame.n_atoms), dtype=np.int64)
    write_structure(
        folder / "model.xyz", Structure(frame.species, frame.positions, CELL, frame.pbc, masses, None, none)
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names() -> dict[str, Any]:
    """What a page takes for granted."""
    frame = random_frame()
    numbers = {"sigma": [0.08, 0.1, 0.12], "kappa": [2.2, 2.1, 2.0], "kappa_error": [0.05, 0.05, 0.05]}
    return {"atoms": Atoms(frame.species.tolist(), frame.positions, cell=frame.cell, pbc=True), **numbers}


def missing(block: Block) -> list[str]:
    """Packages that a block imports and that are not installed."""
    tree = ast.walk(ast.parse(block.text))
    imported = [alias.name for node in tree if isinstance(node, ast.Import) for alias in node.names]
    imported += [str(node.module) for node in ast.walk(ast.parse(block.text)) if isinstance(node, ast.ImportFrom)]
    return [name for name in imported if importlib.util.find_spec(name.split(".")[0]) is None]


@pytest.mark.parametrize("page", WITH_PYTHON, ids=name_of)
def test_python_blocks_run(page: Path, workplace: Path) -> None:
    known = names()
    for block in blocks(page):
        if block.language == "python" and not missing(block):
            exec(compile(block.text, block.place, "exec"), known)


def test_numbers_said_of_the_driving_force() -> None:
    page = next(page for page in WITH_PYTHON if page.name == "driving-force.md")
    known: dict[str, Any] = {}
    exec(blocks(page)[0].text, known)
    assert f"`predicted_error` gives {known['error']:.2f} W/mK" in page.read_text()
