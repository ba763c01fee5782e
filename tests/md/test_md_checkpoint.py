"""A standing on disk and back, and the files that grow beside it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from neptuner.errors import InputError
from neptuner.kernels.chunks import SiteOutputs
from neptuner.md.checkpoint import SCHEMA, Checkpoint, load, save
from neptuner.md.outputs import Outputs
from neptuner.md.simulation import Standing
from neptuner.md.state import State

RNG = np.random.default_rng(0)


def checkpoint(virials: bool) -> Checkpoint:
    each = RNG.normal(size=(3, 3, 3)) if virials else None
    site = SiteOutputs(RNG.normal(size=3), RNG.normal(size=(3, 3)), RNG.normal(size=(3, 3)), each)
    arrays = [RNG.normal(size=shape) for shape in ((3, 3), (3, 3), (3, 3))]
    state = State(
        *arrays, site, RNG.normal(size=(3, 3)), RNG.normal(size=(3, 3)), RNG.normal(size=(2, 4)),
        step=12345678901, time=0.1 + 0.2, seed=2**63 - 1,
    )  # fmt: skip
    snapshots = [{}, {"sum": RNG.normal(size=5), "samples": 7}, {"ring/0": np.zeros((2, 0))}]
    standing = Standing(state, 3, 17, True, snapshots)
    anchor = (RNG.normal(size=(3, 3)), RNG.normal(size=(3, 3)))
    return Checkpoint(standing, anchor, {"thermo.out": 2**40, "a b.xyz": 0}, 1.25, {"sha256": {"run.in": "é"}})


@pytest.mark.parametrize("virials", [True, False])
def test_everything_comes_back(tmp_path: Path, virials: bool) -> None:
    path, before = tmp_path / "c.npz", checkpoint(virials)
    save(path, before)
    after = load(path)
    for name in ("positions", "velocities", "cell", "forces", "kinetic", "chain"):
        ours, expected = getattr(after.standing.state, name), getattr(before.standing.state, name)
        assert ours.dtype == np.float64
        assert np.array_equal(ours, expected), name
    for name in ("step", "time", "seed"):
        assert getattr(after.standing.state, name) == getattr(before.standing.state, name)
    for name in ("energies", "forces", "virial", "virials"):
        ours, expected = getattr(after.standing.state.site, name), getattr(before.standing.state.site, name)
        assert (ours is None) == (expected is None)
        assert ours is None or np.array_equal(ours, expected)
    standing = after.standing
    assert (standing.action, standing.number, standing.has_velocities) == (3, 17, True)
    assert [set(snapshot) for snapshot in standing.measurements] == [set(), {"sum", "samples"}, {"ring/0"}]
    assert np.array_equal(standing.measurements[1]["sum"], before.standing.measurements[1]["sum"])
    assert int(standing.measurements[1]["samples"]) == 7
    assert all(map(np.array_equal, after.anchor, before.anchor))
    assert (after.sizes, after.seconds, after.identity) == (before.sizes, before.seconds, before.identity)
    assert [file.name for file in tmp_path.iterdir()] == ["c.npz"]


def test_another_version_says_so(tmp_path: Path) -> None:
    path = tmp_path / "c.npz"
    save(path, checkpoint(virials=False))
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    meta = json.loads(str(arrays["meta"]))
    np.savez(path, **(arrays | {"meta": np.array(json.dumps(meta | {"schema": SCHEMA + 1}))}))
    with pytest.raises(InputError, match=rf"c.npz: has schema {SCHEMA + 1}, expected {SCHEMA}; begin anew"):
        load(path)
    del arrays["state/chain"]
    np.savez(path, **arrays)
    with pytest.raises(InputError, match=r"c.npz: is damaged \(.*chain.*\); begin anew"):
        load(path)


def test_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        load(tmp_path / "c.npz")


def test_files_grow_and_are_cut_back(tmp_path: Path) -> None:
    with Outputs(tmp_path) as outputs:
        outputs.append("a", "one\n")
        outputs.append("b", "two\n")
        sizes = outputs.sizes()
        assert (tmp_path / "a").read_text() == "one\n"
        outputs.append("a", "three\n")
        outputs.append("c", "four\n")
        outputs.replace("d", "whole")
        outputs.flush()
        assert (tmp_path / "a").read_text() == "one\nthree\n"
    assert sizes == {"a": 4, "b": 4}
    with Outputs(tmp_path, sizes) as outputs:
        outputs.append("a", "five\n")
        outputs.append("c", "six\n")
        assert outputs.sizes() == {"a": 9, "b": 4, "c": 4}
    texts = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert texts == {"a": "one\nfive\n", "b": "two\n", "c": "six\n", "d": "whole"}


def test_beginning_anew_forgets_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old and long\n")
    with Outputs(tmp_path) as outputs:
        outputs.append("a", "new\n")
    assert (tmp_path / "a").read_text() == "new\n"


@pytest.mark.parametrize("wrong", ["missing", "short"])
def test_nothing_is_cut_where_a_file_is_wrong(tmp_path: Path, wrong: str) -> None:
    (tmp_path / "a").write_text("more than that\n")
    if wrong == "short":
        (tmp_path / "b").write_text("12")
    with pytest.raises(InputError, match=r"b: (is missing|holds 2 bytes, the checkpoint says 3)"):
        Outputs(tmp_path, {"a": 4, "b": 3})
    assert (tmp_path / "a").read_text() == "more than that\n"
