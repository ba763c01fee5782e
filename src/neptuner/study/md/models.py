"""What molecular dynamics a study will run: which models, from which start, and the names that identify a run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from neptuner.files.digest import file_hash
from neptuner.files.script import Script
from neptuner.study.md.script import kappa_script, screen_script, total_steps
from neptuner.study.md.spec import MdSpec
from neptuner.study.md.structure import Crystal
from neptuner.study.plan import SCHEMA, Configuration
from neptuner.study.records import DONE, Record
from neptuner.study.state import StudyState

BASELINE, FINAL = "baseline", "final"

Kind = Literal["screen", "kappa", "correction"]
SCREEN: Kind = "screen"
KAPPA: Kind = "kappa"
CORRECTION: Kind = "correction"
Supercell = tuple[int, int, int]


@dataclass(frozen=True)
class MdModel:
    """A trained potential that molecular dynamics is run with: the best replicate of a configuration."""

    key: str
    """``baseline``, ``final``, or the name of a configuration."""
    configuration: Configuration
    record: Record
    """The training that made it."""
    path: Path
    """Its nep.txt."""
    sha256: str

    def force_rmse(self, split: str) -> float | None:
        """Of the potential over a whole set, in eV/angstrom."""
        return rmse_of(self.record, split, "force")


@dataclass(frozen=True)
class MdRun:
    """One run of molecular dynamics."""

    id: str
    """Its directory relative to the study."""
    digest: str
    kind: Kind
    model: MdModel
    script: Script
    replicate: int
    seed: int
    fe: float | None
    """Driving force in 1/angstrom; None for a screen."""

    @property
    def steps(self) -> int:
        """Time steps, relaxation not counted."""
        return total_steps(self.script)


def final_configuration(state: StudyState) -> tuple[Configuration | None, str]:
    """Choose the model that the baseline is compared with, when every training is settled.

    Returns
    -------
    The model of the last phase that has one, else the best configuration of the sweep, else the baseline trained
    longer, else None; and a sentence that says why, empty where it is the model everybody expects.
    """
    extended = state.extended()
    for configuration in (extended["combined"], state.combined):
        if configuration is not None and _is_done(state, configuration):
            missing = state.plan.steps_factor > 1 and configuration is state.combined
            note = "Every run of combined-extended failed, so the combined model stands for it." if missing else ""
            return configuration, note
    best = _best_of_sweep(state)
    if best is not None:
        return best, f"{_why_not_combined(state)}; the best of the sweep, {best.name}, takes its place."
    longer = extended["baseline"]
    if longer is not None and _is_done(state, longer):
        return longer, "Nothing of a sweep can be compared, so the baseline is compared with itself trained longer."
    return None, "There is no second model that the baseline could be compared with."


def model_of(key: str, state: StudyState, configuration: Configuration, trials: Path) -> MdModel:
    """Take the potential of the replicate of a configuration that is best on validation.

    Raises
    ------
    OSError
        If its nep.txt cannot be read.
    """
    done = [record for record in state.of(configuration) if record.state == DONE]
    record = min(done, key=lambda r: _or_infinite(rmse_of(r, "validation", state.metric)))
    path = trials / record.run.id / "nep.txt"
    return MdModel(key, configuration, record, path, file_hash(path))


def spanning(first: Sequence[MdModel], others: Sequence[MdModel], count: int) -> list[MdModel]:
    """Choose models whose force errors on validation span those of all, by increasing error.

    The first ones are always taken; then, one after the other, the one that is farthest from all that are taken.
    Equal potentials count once, and one without a force error does not count.
    """
    errors = {
        model.sha256: error for model in (*first, *others) if (error := model.force_rmse("validation")) is not None
    }
    left = {model.sha256: model for model in reversed(others) if model.sha256 in errors}
    taken = {model.sha256: model for model in first if model.sha256 in errors}
    left = {sha: model for sha, model in left.items() if sha not in taken}
    while left and len(taken) < count:
        known = [errors[sha] for sha in taken] or [min(errors.values())]
        farthest = max(left, key=lambda sha: min(abs(errors[sha] - other) for other in known))
        taken[farthest] = left.pop(farthest)
    return sorted(taken.values(), key=lambda model: errors[model.sha256])


@dataclass(frozen=True)
class RunMaker:
    """Makes the runs of a study; all start from the same structure."""

    spec: MdSpec
    crystal: Crystal
    structure_sha256: str
    """Of model.xyz."""
    supercell: Supercell
    seed: int
    """Of the first replicate."""

    def screen(self, model: MdModel) -> MdRun:
        """Run that tests whether a model is stable."""
        return self._run(SCREEN, model, screen_script(self.spec, self.supercell, self.seed), 0, None)

    def kappas(self, model: MdModel) -> list[MdRun]:
        """Runs of a model for its conductivity: every replicate at every driving force."""
        return [self._kappa(KAPPA, model, k, fe) for fe in self.spec.fe for k in range(self.spec.replicates)]

    def correction(self, model: MdModel) -> MdRun:
        """Run of a model for the correction of the force error: the first replicate at the first driving force."""
        return self._kappa(CORRECTION, model, 0, self.spec.fe[0])

    def _kappa(self, kind: Kind, model: MdModel, replicate: int, fe: float) -> MdRun:
        seed = self.seed + replicate
        script = kappa_script(self.spec, self.crystal.structure, self.supercell, seed, fe)
        return self._run(kind, model, script, replicate, fe)

    def _run(self, kind: Kind, model: MdModel, script: Script, replicate: int, fe: float | None) -> MdRun:
        digest = run_digest(script, self.structure_sha256, model.sha256, self.spec.engine)
        seed = self.seed + replicate
        label = SCREEN if kind == SCREEN else f"r{replicate}"
        force = f"-fe{fe:g}" if fe is not None and len(self.spec.fe) > 1 else ""
        name = f"md/{model.key}{force}-{label}-{digest}"
        return MdRun(name, digest, kind, model, script, replicate, seed, fe)


def run_digest(script: Script, structure: str, potential: str, engine: str = "embedded") -> str:
    """Ten hex digits that depend on everything that decides the outcome of a run."""
    actions = [{"action": type(action).__name__, **_plain(asdict(action))} for action in script.actions]
    content = {
        "schema": SCHEMA,
        "replicate": script.replicate,
        "actions": actions,
        "structure": structure,
        "potential": potential,
    }
    if engine != "embedded":
        content["engine"] = engine
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:10]


def rmse_of(record: Record, split: str, quantity: str) -> float | None:
    """Error of the potential that a training kept, over a whole set; None where it is unknown."""
    rmse: Mapping[str, float | None] | None = record.outcome.rmse[split] if record.outcome else None
    return None if rmse is None else rmse.get(f"rmse_{quantity}")


def _plain(content: dict[str, Any]) -> dict[str, Any]:
    """Leave out line numbers, which only say where something stood."""
    return {key: value for key, value in content.items() if key != "line"}


def _is_done(state: StudyState, configuration: Configuration) -> bool:
    return any(record.state == DONE for record in state.of(configuration))


def _best_of_sweep(state: StudyState) -> Configuration | None:
    """The configuration of the sweep with the largest gain on validation, be it negative."""
    judged = [(parameter, state.judge(parameter)) for parameter in state.plan.sweep]
    best = [(v.gain, parameter.values[v.best]) for parameter, v in judged if v.best is not None and v.gain is not None]
    return max(best, key=lambda pair: pair[0])[1] if best else None


def _why_not_combined(state: StudyState) -> str:
    if not state.winners:
        return "No value of the sweep beat the baseline, so there is no combined model"
    return "The winners could not be combined" if state.combined is None else "Every run of the combined model failed"


def _or_infinite(value: float | None) -> float:
    return float("inf") if value is None else value


def configurations(state: StudyState) -> Iterable[Configuration]:
    """Every configuration with a finished training, in the order of the phases."""
    listed = [c for phase in state.phases().values() for c in phase]
    return [c for c in listed if _is_done(state, c)]
