# /// script
# requires-python = ">=3.11"
# dependencies = ["neptuner"]
# ///
"""Bookkeeping of a study against its number of trials, on a cluster that is simulated in virtual time.

    python benchmarks/study_scale.py --trials 1000 10000 100000 --folder /dev/shm/scale --figure docs/development

The controller is the real one, and so is everything on disk; the cluster is a launcher whose clock jumps from the end
of one job to the end of the next, and whose jobs write in no time what a training leaves. Of a hundred jobs three fail,
one is lost and one meets its time limit. Each study is killed when half of its trials have ended, then gone on with to
its end in another process, and reported on in a third. Times are processor seconds of the controller alone: the work of
the simulated jobs is taken out. Prints a table; writes study_scale.json after every part (``--from`` prints and draws
such files again) and, with ``--figure``, study-scale.svg.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import random
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from provenance import machine, versions

from neptuner.files.atomic import write_text
from neptuner.launch.base import Finished, Handle, Job

KEYWORDS = ("lambda_1", "lambda_2", "lambda_e", "lambda_f", "lambda_v")
NEP_IN = "type 2 Mg O\ncutoff 6 4\nn_max 4 4\nbasis_size 8 8\nneuron 10\nlambda_1 0.05\nlambda_2 0.05\n"
NEP_IN += "output_interval 1000\n"
STEPS = 50_000
FAILED, LOST, LIMITED = 0.03, 0.01, 0.01
POINTS = 40
FIRST_HALF = ("planning, s", "memory at half, GB")


@dataclass
class Clock:
    """Processor seconds of this process, and how many of them are not the controller's."""

    jobs: float = 0.0
    writing: float = 0.0

    @property
    def own(self) -> float:
        return process_time() - self.jobs - self.writing

    @contextmanager
    def spent_on(self, what: str) -> Iterator[None]:
        begin = process_time()
        yield
        setattr(self, what, getattr(self, what) + process_time() - begin)


@dataclass
class Cluster:
    """A launcher of ``nodes`` jobs at a time in virtual time; what it knows of a job lies in the trial directory."""

    nodes: int
    clock: Clock
    on_end: Callable[[int], None]
    now: float = 0.0
    queue: list[tuple[float, str, Job]] = field(default_factory=list)
    ended: int = 0

    @property
    def free(self) -> int:
        return self.nodes - len(self.queue)

    def submit(self, job: Job) -> Handle:
        with self.clock.spent_on("jobs"):
            attempt = (read(job.log.parent / "job.json") or {"attempt": 0})["attempt"] + 1
            end = self.now + random.Random(f"{job.name} {attempt}").lognormvariate(8.0, 0.5)
            (job.log.parent / "exit.json").unlink(missing_ok=True)
            write_text(job.log.parent / "job.json", json.dumps({"attempt": attempt, "end": end}))
            heapq.heappush(self.queue, (end, job.name, job))
        return Handle(job)

    def poll(self) -> list[Finished]:
        """Jump to the next end of a job."""
        with self.clock.spent_on("jobs"):
            finished = [self._end(heapq.heappop(self.queue))] if self.queue else []
        for _ in finished:
            self.ended += 1
            self.on_end(self.ended)
        return finished

    def adopt(self, jobs: Sequence[Job]) -> list[str]:
        with self.clock.spent_on("jobs"):
            for job in jobs:
                note = read(job.log.parent / "job.json")
                if note is not None and not (job.log.parent / "exit.json").exists():
                    heapq.heappush(self.queue, (note["end"], job.name, job))
        return [name for _, name, _ in self.queue]

    def cancel(self, names: Collection[str] | None = None) -> list[Finished]:  # noqa: ARG002 - of the protocol
        return []

    def leave(self) -> list[Finished]:
        return []

    def _end(self, entry: tuple[float, str, Job]) -> Finished:
        self.now, name, job = entry
        chance = random.Random(f"{name} {self.now}")
        fate, folder = chance.random(), job.log.parent
        code, line = 0, "done"
        if fate < FAILED:
            code, line = 1, "the loss is not finite: the training diverged"
        elif fate < FAILED + LOST:
            code, line = -9, ""
        elif fate < FAILED + LOST + LIMITED:
            code, line = 3, "stopped after step 40000"
        job.log.write_text(f"{line}\n")
        if code == 0:
            train(folder, chance)
        write_text(folder / "exit.json", json.dumps({"exit_code": code}))
        return Finished(job, code, line)


def train(folder: Path, chance: random.Random) -> None:
    """Write what a training leaves: 50 rows, a small model, a summary."""
    loss, validation, sets = outputs(chance.randrange(100))
    (folder / "loss.out").write_text(loss)
    (folder / "validation.out").write_text(validation)
    (folder / "nep.txt").write_text("0.1\n" * 300)
    seed = json.loads((folder / "trial.json").read_text())["seed"]
    summary = {"schema": 1, "steps": STEPS, "seconds": 3000.0, "ms_per_step": 60.0, "seed": seed, "parameters": 321}
    write_text(folder / "train.json", json.dumps(summary | sets))


@cache
def outputs(variant: int) -> tuple[str, str, dict[str, Any]]:
    """Content of loss.out and validation.out, and the errors of the kept model."""
    noise = random.Random(variant).gauss(1.0, 0.02)
    rows = [(step, noise * (1 + 2000 / step)) for step in range(1000, STEPS + 1, 1000)]
    loss = (f"{step} 1 0 0 " + " ".join(f"{b * x:.5f}" for b in (0.02, 0.2, 0.05) * 2) + "\n" for step, x in rows)
    valid = (f"{step} {0.02 * x:.6f} {0.2 * x:.6f} {0.05 * x:.6f}\n" for step, x in rows)
    rmse = {"rmse_energy": 0.02 * noise, "rmse_force": 0.2 * noise, "rmse_virial": 0.05 * noise}
    sets = {name: {"frames": 20, "atoms": 40, **rmse} for name in ("train", "validation", "test")}
    return "".join(loss), "# step energy(eV/atom) force(eV/A) virial(eV/atom)\n" + "".join(valid), sets


def read(path: Path) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    return content


def make_study(folder: Path, trials: int, replicates: int) -> Path:
    """Write a study of about so many trials."""
    folder.mkdir(parents=True)
    lines = "Mg 0.{0} 0.0 0.0 0.1 -0.2 0.{0}\nO 2.0 0.0 0.{0} 0.1 -0.2 0.1\n"
    head = (
        'Lattice="5 0 0 0 5 0 0 0 5" energy=-{0}.5 virial="1 0 0 0 2 0 0 0 3" Properties=species:S:1:pos:R:3:forces:R:3'
    )
    for name, first in (("train", 1), ("test", 50)):
        frames = ("2\n" + head.format(i) + "\n" + lines.format(i) for i in range(first, first + 20))
        (folder / f"{name}.xyz").write_text("".join(frames))
    (folder / "nep.in").write_text(NEP_IN)
    values = max(1, trials // replicates // len(KEYWORDS))
    swept = {keyword: [round(0.01 * (k + 2) + 0.001, 4) for k in range(values)] for keyword in KEYWORDS}
    toml = folder / "study.toml"
    toml.write_text(
        f'[study]\ntrain = "train.xyz"\ntest = "test.xyz"\nbaseline = "nep.in"\nreplicates = {replicates}\n'
        f"steps = {STEPS}\nablation = false\ncalibrate = false\n[sweep]\n"
        + "".join(f"{k} = {v}\n" for k, v in swept.items())
    )
    return toml


# -- one process of a study ------------------------------------------------------------------------


def session(folder: Path, nodes: int, kill_at: int | None) -> dict[str, Any]:
    """Run a study, or go on with it; killed when so many jobs have ended."""
    from neptuner.study import controller
    from neptuner.study.run import run_study
    from neptuner.study.spec import read_spec

    begin, clock, curve = process_time(), Clock(), list[tuple[int, float, float]]()
    measured: dict[str, Any] = {"curve": curve, "writes": 0}
    write = controller.Controller._write

    def timed(self: controller.Controller) -> dict[str, Any]:
        with clock.spent_on("writing"):
            results = write(self)
        measured["writes"] += 1
        return results

    def facts() -> dict[str, Any]:
        return {"own": clock.own - begin, "writing": clock.writing, "jobs": clock.jobs, "memory": memory()}

    def on_end(ended: int) -> None:
        if "begun" not in measured:
            measured["begun"] = facts()
        if ended % every == 0:
            curve.append((ended, clock.own - begin, memory()))
        if ended == kill_at:
            print(json.dumps({**measured, **facts(), "ended": ended}), flush=True)
            os._exit(0)  # nothing is settled or told, as after SIGKILL

    trials = int(folder.name)
    every = max(1, trials // POINTS)
    cluster = Cluster(nodes, clock, on_end)
    controller.Controller._write = timed  # type: ignore[method-assign]
    run_study(read_spec(folder / "study.toml"), folder / "study", launcher=cluster)
    return {**measured, **facts(), "ended": cluster.ended}


def report(folder: Path) -> dict[str, Any]:
    """Write the report."""
    from neptuner.report.write import write_report

    begin = process_time()
    page = write_report(folder / "study")
    return {"own": process_time() - begin, "memory": memory(), "bytes": page.stat().st_size}


def memory() -> float:
    """Largest resident memory of this process so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


# -- all of them ------------------------------------------------------------------------------------


def measure(row: dict[str, Any], trials: int, arguments: argparse.Namespace) -> Iterator[None]:
    """Fill a row, part by part."""
    folder = arguments.folder / str(trials)
    shutil.rmtree(folder, ignore_errors=True)
    make_study(folder, trials, arguments.replicates)
    study = folder / "study"
    for name in ("first", "second"):
        row[name] = part(name, folder, arguments)
        row["journal_bytes"] = (study / "journal.jsonl").stat().st_size
        yield
    results = json.loads((study / "results.json").read_text())
    row["trials"] = len(results["trials"])
    row["done"] = sum(trial["state"] == "done" for trial in results["trials"])
    row["results_bytes"] = (study / "results.json").stat().st_size
    row["files"] = sum(len(files) for _, _, files in os.walk(study))
    del results
    row["report"] = part("report", folder, arguments)
    if not arguments.keep:
        shutil.rmtree(folder)
    yield


def part(name: str, folder: Path, arguments: argparse.Namespace) -> dict[str, Any] | None:
    command = [sys.executable, __file__, "--folder", str(folder), "--nodes", str(arguments.nodes), "--part", name]
    begin = perf_counter()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=arguments.patience)
    except subprocess.TimeoutExpired:
        print(f"{name} of {folder.name} trials: given up after {arguments.patience:g} s", flush=True)
        return None
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(f"{name} of {folder.name} trials: {perf_counter() - begin:.1f} s", flush=True)
    return {**found, "wall": perf_counter() - begin}


def per_trial(session: dict[str, Any]) -> float:
    """Milliseconds of the controller for each trial that ended, planning left out."""
    return 1e3 * (session["own"] - session["begun"]["own"]) / session["ended"]


def table(rows: list[dict[str, Any]]) -> str:
    """All numbers; a dash stands for what was not measured."""
    columns: dict[str, Callable[[dict[str, Any]], str]] = {
        "trials": lambda r: f"{r['trials']:,}",
        "plan and begin, s": lambda r: f"{r['first']['begun']['own']:.2f}",
        "ms a trial": lambda r: f"{per_trial(r['first']):.2f}",
        "memory then, MB": lambda r: f"{r['first']['memory']:.0f}",
        "resume, s": lambda r: f"{r['second']['begun']['own']:.2f}",
        "ms a trial after it": lambda r: f"{per_trial(r['second']):.2f}",
        "results.json, s": lambda r: f"{r['second']['writing'] / r['second']['writes']:.2f}",
        "memory at the end, MB": lambda r: f"{r['second']['memory']:.0f}",
        "report, s": lambda r: f"{r['report']['own']:.1f}",
        "its memory, MB": lambda r: f"{r['report']['memory']:.0f}",
        "journal, MB": lambda r: f"{r['journal_bytes'] / 1e6:.1f}",
        "results.json, MB": lambda r: f"{r['results_bytes'] / 1e6:.1f}",
        "files": lambda r: f"{r['files']:,}",
    }
    lines = ["| " + " | ".join(columns) + " |", "|" + "---:|" * len(columns)]
    lines += ["| " + " | ".join(shown(row, column) for column in columns.values()) + " |" for row in rows]
    return "\n".join(lines)


def shown(row: dict[str, Any], column: Callable[[dict[str, Any]], str]) -> str:
    try:
        return column(row)
    except (KeyError, TypeError):
        return "-"


def draw(rows: list[dict[str, Any]], folder: Path) -> None:
    """Time of a trial along each study, and what grows with the number of trials."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.4), layout="constrained")
    for number, row in enumerate(rows):
        before = 0
        for name, style in (("first", "-"), ("second", "--")):
            session = row.get(name)
            if session is None:
                continue
            points = [(ended, own) for ended, own, _ in session["curve"]]  # the first has all nodes filled
            x = [(before + b[0]) / row["trials"] for _, b in pairwise(points)]
            y = [1e3 * (b[1] - a[1]) / (b[0] - a[0]) for a, b in pairwise(points)]
            label = f"{row['trials']:,} trials" if name == "first" else None
            left.plot(x, y, style, color=f"C{number}", label=label)
            before += session["ended"]
    left.set(xlabel="jobs that have ended / trials", ylabel="controller, ms a trial", ylim=(0, 6))
    left.legend(frameon=False, title="dashed: after the kill")
    kinds: dict[str, Callable[[dict[str, Any]], float]] = {
        "planning, s": lambda r: r["first"]["begun"]["own"],
        "resuming half of them, s": lambda r: r["second"]["begun"]["own"],
        "results.json once, s": lambda r: r["second"]["writing"] / r["second"]["writes"],
        "memory at half, GB": lambda r: r["first"]["memory"] / 1e3,
        "memory at the end, GB": lambda r: r["second"]["memory"] / 1e3,
    }
    for (name, value), marker in zip(kinds.items(), "osv^D", strict=True):
        known = [(row["trials"], value(row)) for row in rows if name in FIRST_HALF or "second" in row]
        right.loglog(*zip(*known, strict=True), marker=marker, label=name)
    right.set(xlabel="trials")
    right.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    figure.savefig(folder / "study-scale.svg")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--replicates", type=int, default=10)
    parser.add_argument("--folder", type=Path, default=Path("scale"), help="where studies are made; best a RAM disk")
    parser.add_argument("--figure", type=Path, help="folder for study-scale.svg")
    parser.add_argument("--keep", action="store_true", help="leave the studies there")
    parser.add_argument("--patience", type=float, default=3600.0, help="seconds for one process")
    parser.add_argument("--from", dest="old", type=Path, nargs="+", help="only print and draw these study_scale.json")
    parser.add_argument("--part", choices=("first", "second", "report"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part == "report":
        print(json.dumps(report(arguments.folder)))
    elif arguments.part is not None:
        kill_at = int(arguments.folder.name) // 2 if arguments.part == "first" else None
        print(json.dumps(session(arguments.folder, arguments.nodes, kill_at)))
    else:
        conclude(all_rows(arguments), arguments.figure)


def all_rows(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Measured now, or before."""
    if arguments.old:
        found = [row for path in arguments.old for row in json.loads(path.read_text())["rows"]]
        return sorted(found, key=lambda row: row["trials"])
    rows: list[dict[str, Any]] = []
    facts = {"machine": machine(), "versions": versions("numpy", "matplotlib"), "rows": rows}
    for trials in arguments.trials:
        rows.append({"trials": trials})
        for _ in measure(rows[-1], trials, arguments):
            Path("study_scale.json").write_text(json.dumps(facts, indent=1) + "\n")
    return rows


def conclude(rows: list[dict[str, Any]], folder: Path | None) -> None:
    print(table(rows))
    if folder is not None:
        draw(rows, folder)


if __name__ == "__main__":
    main()
