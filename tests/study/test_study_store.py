"""What stays of a trial that was killed."""

from __future__ import annotations

from dataclasses import replace

from neptuner.study.plan import make_runs
from neptuner.study.prepare import prepare
from neptuner.study.spec import read_spec
from neptuner.study.store import open_store


def test_a_checkpoint_stays_for_the_same_run_only(project, tmp_path) -> None:
    plan = prepare(read_spec(project.toml)).plan
    (run,) = make_runs(plan.baseline, (1,), {"train": "a"}, {})
    other = replace(run, digest="of other data")
    with open_store(tmp_path / "study") as store:
        folder = store.prepare(run, ["train"])
        (folder / "checkpoint.npz").write_bytes(b"half a training")
        (folder / "loss.out").write_text("a row\n")
        assert store.prepare(run, ["train", "again"]) == folder
        assert (folder / "checkpoint.npz").exists()
        assert (folder / "loss.out").exists()
        store.prepare(other, ["train"])
        assert not (folder / "checkpoint.npz").exists()
        (folder / "loss.out").write_text("rows without a checkpoint\n")
        store.prepare(other, ["train"])
        assert not (folder / "loss.out").exists()
