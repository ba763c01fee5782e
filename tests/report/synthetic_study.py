"""A small study made of random numbers: trial directories, and the results.json they imply."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from synthetic_statistics import synthetic_statistics

BASE = {
    "type": [2, "Te", "Pb"],
    "cutoff": [6.0, 4.0],
    "n_max": [4, 4],
    "basis_size": [6, 6],
    "l_max": [4, 2, 0],
    "neuron": [20],
    "lambda_e": [1.0],
    "lambda_f": [1.0],
    "lambda_v": [0.1],
    "batch": [50],
    "generation": [1000],
}
SWEEP = {"n_max": {"2 2": 1.12, "6 6": 0.9, "8 6": 0.94}, "neuron": {"10": 1.05, "40": 0.97}}
"""Hyper-parameter to value to the factor the value multiplies every loss by."""

LEVELS = {"energy": 0.011, "force": 0.15, "virial": 0.058}
SPLITS = {"train": 0.93, "validation": 1.0, "test": 1.04}
LAST_ROWS = 10
FRAMES = 5
"""Frames of the set that was predicted; see :func:`frames`."""


@dataclass
class Plan:
    """What a synthetic study shall hold; `phases` are those that have been run."""

    replicates: int = 2
    sweep: dict[str, dict[str, float]] = field(default_factory=lambda: SWEEP)
    phases: tuple[str, ...] = ("baseline", "sweep", "combined", "extended")
    noise: float = 0.004
    virial: bool = True
    test: bool = True
    failing: tuple[str, ...] = ()
    """Names of configurations whose every run fails."""
    atoms: int = 60
    base: dict[str, Any] = field(default_factory=lambda: BASE)
    rows: int = 40
    md: dict[str, Any] | None = None
    ablation: bool = False
    """Whether the combined model is trained without each of its changes, once there is one."""
    fractions: tuple[float, ...] = ()
    """Parts of the frames that the combined model is trained on."""
    frames: bool = False
    """Whether the file of the test set is there, with as many atoms as were predicted."""
    statistics: bool = True
    """Without them the study looks like one of the first version."""


class Study:
    """Writes the study, run by run, and remembers what it wrote."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder, self.plan = folder, plan
        self.rng = np.random.default_rng(7)
        self.trials: list[dict[str, Any]] = []
        self.baseline: dict[str, Any] | None = None

    def write(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.plan.frames:
            (self.folder / "data").mkdir()
            (self.folder / "data/test.xyz").write_text(frames(self.plan.atoms), encoding="utf-8")
        text = json.dumps(self.results(), indent=1)
        (self.folder / "results.json").write_text(text, encoding="utf-8")
        return self.folder

    def results(self) -> dict[str, Any]:
        plan = self.plan
        self.baseline = self.configuration("baseline", "baseline", BASE, 1.0)
        sweep = [self.parameter(name, values) for name, values in plan.sweep.items()]
        winners = {p["parameter"]: p["best_value"] for p in sweep if p["chosen"]}
        product = float(np.prod([plan.sweep[n][words(v)] for n, v in winners.items()])) if winners else 1.0
        settings = {**plan.base, **winners}
        combined = self.configuration("combined", "combined", settings, product) if winners else None
        extended = {
            "baseline": self.configuration("baseline-extended", "extended", plan.base, 0.8),
            "combined": self.configuration("combined-extended", "extended", settings, 0.8 * product)
            if winners
            else None,
        }
        ablation = self.ablations(winners, product) if plan.ablation and combined else []
        fractions = plan.fractions if combined else ()
        learning_curve = [self.on_part(settings, product, fraction) for fraction in fractions]
        split = "test" if plan.test else "validation"
        statistics = synthetic_statistics(self.trials, sweep, split) if plan.statistics else None
        failed = [{k: t[k] for k in ("id", "name", "error")} for t in self.trials if t["state"] == "failed"]
        return {
            "schema": 1,
            "neptuner": "0.1.0",
            "name": "pbte",
            "finished": plan.phases[-1] == "extended",
            "metric": "force",
            "strategy": "avg",
            "last_rows": LAST_ROWS,
            "replicates": plan.replicates,
            "steps": 1000,
            "steps_factor": 4,
            "seed": 1,
            "optimizer": "soap",
            "data": {s: self.data(s) if plan.test or s != "test" else None for s in SPLITS},
            "machine": {
                "python": "3.12.1",
                "numpy": "2.1",
                "numba": "0.61",
                "platform": "Linux x86_64",
                "cpus": 2,
            },
            "baseline": self.baseline,
            "sweep": sweep,
            "winners": winners,
            "combined": combined,
            "ablation": ablation,
            "extended": extended,
            "learning_curve": learning_curve,
            **({"statistics": statistics} if plan.statistics else {}),
            "trials": self.trials,
            "failed": failed,
            "md": plan.md,
        }

    def ablations(self, winners: dict[str, Any], product: float) -> list[dict[str, Any] | None]:
        found = []
        for removed, value in winners.items():
            settings = {**self.plan.base, **{k: v for k, v in winners.items() if k != removed}}
            factor = product / self.plan.sweep[removed][words(value)]
            name = f"combined-without-{removed}"
            found.append(self.configuration(name, "ablation", settings, factor, parameter=removed))
        return found

    def on_part(self, settings: dict[str, Any], product: float, fraction: float) -> dict[str, Any] | None:
        name, factor = f"combined-on-train-{fraction:g}", product * fraction**-0.3
        return self.configuration(name, "learning_curve", settings, factor, fraction=fraction)

    def data(self, split: str) -> dict[str, Any]:
        return {"path": f"data/{split}.xyz", "sha256": "0123456789abcdef" * 4, "frames": 20, "atoms": 1600}

    def parameter(self, name: str, factors: dict[str, float]) -> dict[str, Any]:
        found = []
        for value, factor in factors.items():
            numbers = [int(w) for w in value.split()]
            title = f"{name}={value.replace(' ', '-')}"
            settings = {**self.plan.base, name: numbers}
            found.append(self.configuration(title, "sweep", settings, factor, parameter=name, value=numbers))
        gains = [(cell(c, "validation")["avg"], c) for c in found if c["runs"] and cell(c, "validation")]
        gain, best = max(gains, key=lambda pair: pair[0]) if gains else (None, None)
        return {
            "parameter": name,
            "baseline_value": self.plan.base[name],
            "values": found,
            "best_value": best["value"] if best else None,
            "best": best["name"] if best else None,
            "gain": gain,
            "gain_sd": cell(best, "validation")["avg_sd"] if best else None,
            "mean_improvement": float(np.mean([g for g, _ in gains])) if gains else None,
            "chosen": gain is not None and gain > 0,
        }

    def configuration(
        self, name: str, phase: str, settings: dict[str, Any], factor: float, **differs: Any
    ) -> dict[str, Any] | None:
        about = {
            "name": name, "phase": phase, "parameter": None, "value": None, "settings": settings,
            "parameters": size(settings) - descriptor(settings), "fraction": 1.0, **differs,
            "steps": 4000 if phase == "extended" else 1000,
        }  # fmt: skip
        if phase not in (*self.plan.phases, "ablation", "learning_curve"):
            if phase == "sweep":
                return {**about, "runs": [], "seconds": None, "loss": None, "reduction": None, "rmse": None}
            return None
        runs = [self.run(about, factor, replicate) for replicate in range(self.plan.replicates)]
        self.trials += runs
        done = [r for r in runs if r["state"] == "done"]
        loss = {q: {s: self.pooled(done, q, s, "loss") for s in SPLITS} for q in LEVELS} if done else None
        reduction = {q: {s: self.reduced(done, q, s, name) for s in SPLITS} for q in LEVELS} if done else None
        seconds = float(np.mean([r["seconds"] for r in done])) if done else None
        rmse = {s: self.mean_rmse(done, s) for s in SPLITS} if done else None
        return {
            **about,
            "runs": [r["id"] for r in done],
            "seconds": seconds,
            "loss": loss,
            "reduction": reduction,
            "rmse": rmse,
        }

    def run(self, about: dict[str, Any], factor: float, replicate: int) -> dict[str, Any]:
        identifier = f"{about['name']}-r{replicate}-{len(self.trials) + replicate:04x}"
        record = {
            **about,
            "id": identifier,
            "replicate": replicate,
            "seed": 1 + replicate,
            "directory": f"trials/{identifier}",
        }
        if about["name"] in self.plan.failing:
            nothing = dict.fromkeys(("seconds", "ms_per_step", "loss", "reduction", "rmse"))
            return {
                **record,
                **nothing,
                "state": "failed",
                "error": "train.xyz, frame 3: the lattice is singular",
            }
        luck = factor * (1 + self.plan.noise * self.rng.standard_normal())
        curves = self.curves(luck, about["steps"])
        self.write_trial(self.folder / record["directory"], about, curves, luck)
        loss = {q: {s: last(curves[q, s]) for s in SPLITS} for q in LEVELS}
        rmse = {s: {f"rmse_{q}": positive(curves[q, s][-1]) for q in LEVELS} for s in SPLITS}
        slow = (20 + record["parameters"] / 100) * (1 + 0.02 * self.rng.standard_normal())
        seconds = about["steps"] / 1000 * slow
        return {
            **record, "state": "done", "error": None, "loss": loss,
            "seconds": seconds, "ms_per_step": slow, "reduction": None, "rmse": rmse,
        }  # fmt: skip

    def curves(self, luck: float, steps: int) -> dict[Any, np.ndarray]:
        rows = self.plan.rows
        found: dict[Any, np.ndarray] = {"steps": np.linspace(steps / rows, steps, rows).round()}
        decay = 1 + 3 * np.exp(-6 * np.arange(rows) / rows)
        for quantity, level in LEVELS.items():
            for split, scale in SPLITS.items():
                wiggle = 1 + 0.01 * self.rng.standard_normal(rows)
                curve = np.round(level * scale * luck * decay * wiggle, 5)
                absent = (split == "test" and not self.plan.test) or (quantity == "virial" and not self.plan.virial)
                found[quantity, split] = np.zeros(rows) if absent else curve
        return found

    def write_trial(self, folder: Path, about: dict[str, Any], curves: dict[Any, np.ndarray], luck: float) -> None:
        folder.mkdir(parents=True)
        order = [(q, s) for s in ("train", "test") for q in LEVELS]
        columns = [curves["steps"], *[np.ones(self.plan.rows)] * 3, *(curves[key] for key in order)]
        lines = [f"{row[0]:<8.0f}" + "".join(f"{v:<13.5f}" for v in row[1:]) for row in np.array(columns).T]
        (folder / "loss.out").write_text("\n".join(lines) + "\n", encoding="utf-8")
        rows = np.array([curves["steps"], *(curves[q, "validation"] for q in LEVELS)]).T
        text = "# step energy(eV/atom) force(eV/A) virial(eV/atom)\n"
        text += "".join(f"{row[0]:.0f} " + " ".join(f"{v:.6f}" for v in row[1:]) + "\n" for row in rows)
        (folder / "validation.out").write_text(text, encoding="utf-8")
        split = "test" if self.plan.test else "train"
        self.write_predictions(folder, split, luck)
        (folder / "nep.txt").write_text(self.nep_txt(about["settings"]), encoding="utf-8")

    def write_predictions(self, folder: Path, split: str, luck: float) -> None:
        n, rng = self.plan.atoms, self.rng
        frames = FRAMES
        reference = rng.standard_normal((n, 3)) * 1.2
        force = reference + 0.15 * luck * rng.standard_normal((n, 3))
        save(folder / f"force_{split}.out", np.hstack([force, reference]))
        energy = -3 + 0.1 * rng.standard_normal((frames, 1))
        save(
            folder / f"energy_{split}.out",
            np.hstack([energy + 0.01 * rng.standard_normal((frames, 1)), energy]),
        )
        stress = 0.2 * rng.standard_normal((frames, 6)) if self.plan.virial else np.full((frames, 6), -1e6)
        for name in ("virial", "stress"):
            save(folder / f"{name}_{split}.out", np.hstack([0.2 * rng.standard_normal((frames, 6)), stress]))

    def nep_txt(self, settings: dict[str, Any]) -> str:
        number, *elements = settings["type"]
        radial, angular = settings["cutoff"]
        header = [
            f"nep4 {number} {' '.join(elements)} ",
            f"cutoff {radial:g} {angular:g} 60 30",
            "n_max {} {}".format(*settings["n_max"]),
            "basis_size {} {}".format(*settings["basis_size"]),
            "l_max {} {} {} ".format(*settings["l_max"]),
            f"ANN {settings['neuron'][0]} 0",
        ]
        values = self.rng.laplace(0, 0.5, size(settings))
        return "\n".join([*header, *(f"{v:15.7e}" for v in values)]) + "\n"

    def pooled(self, runs: list[dict[str, Any]], quantity: str, split: str, kind: str) -> dict[str, Any] | None:
        cells = [r[kind][quantity][split] for r in runs]
        if any(c is None for c in cells):
            return None
        return {**moments([c["min"] for c in cells], "min"), **moments([c["avg"] for c in cells], "avg")}

    def reduced(self, runs: list[dict[str, Any]], quantity: str, split: str, name: str) -> dict[str, Any] | None:
        mine = [r["loss"][quantity][split] for r in runs]
        base = mine if name == "baseline" else None
        if base is None and self.baseline and self.baseline["runs"]:
            ids = self.baseline["runs"]
            base = [t["loss"][quantity][split] for t in self.trials if t["id"] in ids]
        if not base or any(c is None for c in (*base, *mine)):
            return None
        found: dict[str, Any] = {}
        for key in ("min", "avg"):
            reference = np.mean([c[key] for c in base])
            found |= moments([100 * (reference - c[key]) / reference for c in mine], key)
        return dict.fromkeys(found, 0.0) if name == "baseline" else found

    def mean_rmse(self, runs: list[dict[str, Any]], split: str) -> dict[str, Any] | None:
        found = {}
        for name in runs[0]["rmse"][split]:
            values = [r["rmse"][split][name] for r in runs]
            found[name] = None if None in values else float(np.mean(values))
        return found if any(v is not None for v in found.values()) else None


def make_study(folder: Path, **options: Any) -> Path:
    """Write a synthetic study and return its directory."""
    return Study(folder, Plan(**options)).write()


def sizes(atoms: int) -> list[int]:
    """Atoms of each frame of the test set, of different numbers."""
    first = [atoms // FRAMES + n - FRAMES // 2 for n in range(FRAMES)]
    return [*first[:-1], atoms - sum(first[:-1])]


def frames(atoms: int) -> str:
    """The test set in extended XYZ."""
    rng = np.random.default_rng(11)
    lines = []
    for number, size in enumerate(sizes(atoms)):
        lines += [str(size), 'Lattice="9 0 0 0 9 0 0 0 9" Properties=species:S:1:pos:R:3:forces:R:3 energy=-1 '
                             f"config_type=kind-{number}"]  # fmt: skip
        for atom, row in enumerate(9 * rng.random((size, 3))):
            lines.append(f"{('Te', 'Pb')[atom % 2]} {row[0]:.3f} {row[1]:.3f} {row[2]:.3f} 0 0 0")
    return "\n".join(lines) + "\n"


def words(value: Iterable[Any]) -> str:
    return " ".join(str(v) for v in value)


def cell(configuration: dict[str, Any], split: str) -> dict[str, Any]:
    reduction = configuration["reduction"] or {}
    return (reduction.get("force") or {}).get(split) or {}


def moments(values: list[float], key: str) -> dict[str, Any]:
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {key: float(np.mean(values)), f"{key}_sd": sd}


def positive(value: float) -> float | None:
    return float(value) if value > 0 else None


def last(curve: np.ndarray) -> dict[str, float] | None:
    rows = curve[-LAST_ROWS:]
    if not rows.any():
        return None
    return {"min": float(rows.min()), "avg": float(rows.mean()), "sd": float(rows.std(ddof=1))}


def descriptor(settings: dict[str, Any]) -> int:
    (radial, angular), (order, *flags) = settings["n_max"], settings["l_max"]
    return radial + 1 + (angular + 1) * (order + sum(1 for f in flags if f))


def size(settings: dict[str, Any]) -> int:
    """Count the numbers in the body of nep.txt."""
    species, dim = settings["type"][0], descriptor(settings)
    pairs = sum((n + 1) * (k + 1) for n, k in zip(settings["n_max"], settings["basis_size"], strict=True))
    return species * (dim + 2) * settings["neuron"][0] + 1 + species**2 * pairs + dim


def save(path: Path, rows: np.ndarray) -> None:
    path.write_text("".join(" ".join(f"{v:g}" for v in row) + "\n" for row in rows), encoding="utf-8")
