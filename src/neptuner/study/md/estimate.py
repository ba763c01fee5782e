"""What molecular dynamics of a study costs, known before anything is trained."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from neptuner.study.md.script import kappa_script, screen_script, total_steps
from neptuner.study.md.spec import MdSpec
from neptuner.study.md.structure import Crystal, radial_cutoff, smallest_supercell
from neptuner.study.plan import Plan

MODELS = 2
"""The baseline and the final one."""


@dataclass(frozen=True)
class MdEstimate:
    """Numbers of runs and their size; with few winners, or a smaller cutoff of theirs, it may be less."""

    screens: int
    runs: int
    """For the conductivity."""
    corrections: int
    """Of other models, for the correction of the force error."""
    atoms: int
    screen_steps: int
    """Of a screen."""
    steps: int
    """Of a run for the conductivity."""
    supercell: tuple[int, int, int]
    source: str
    """Where the structure comes from."""

    @property
    def total_runs(self) -> int:
        """Runs of every kind."""
        return self.screens + self.runs + self.corrections

    @property
    def total_steps(self) -> int:
        """Time steps of every run."""
        return self.screens * self.screen_steps + (self.runs + self.corrections) * self.steps

    @property
    def sentence(self) -> str:
        """The estimate in words."""
        correction = f", {self.corrections} of other models for the force error" if self.corrections else ""
        copies = " x ".join(map(str, self.supercell))
        return (
            f"then molecular dynamics: at most {self.total_runs} runs ({self.screens} screens, {self.runs} for the "
            f"conductivity{correction}) of {self.atoms:,} atoms ({copies} copies of {self.source}), "
            f"{self.total_steps:,} steps, {self.atoms * self.total_steps:.2g} atom-steps"
        )


def most_runs(spec: MdSpec) -> int:
    """Largest number of runs that a study may need."""
    return MODELS + _kappa_runs(spec) + _corrections(spec)


def estimate_md(spec: MdSpec, crystal: Crystal, plan: Plan, seed: int) -> MdEstimate:
    """Count runs, atoms and steps.

    Parameters
    ----------
    spec, crystal
        What is asked for and what it begins with.
    plan
        Trainings; the largest cutoff among them sets the size of the cell.
    seed
        Of the study.
    """
    copies = spec.supercell or smallest_supercell(crystal.structure, radial_cutoff(_cutoffs(plan)))
    return MdEstimate(
        screens=MODELS,
        runs=_kappa_runs(spec),
        corrections=_corrections(spec),
        atoms=crystal.structure.n_atoms * prod(copies),
        screen_steps=total_steps(screen_script(spec, copies, seed)),
        steps=total_steps(kappa_script(spec, crystal.structure, copies, seed, spec.fe[0])),
        supercell=copies,
        source=crystal.source,
    )


def _kappa_runs(spec: MdSpec) -> int:
    return MODELS * spec.replicates * len(spec.fe)


def _corrections(spec: MdSpec) -> int:
    return spec.correction_models - MODELS if spec.correction else 0


def _cutoffs(plan: Plan) -> Iterable[tuple[float, ...]]:
    return (configuration.nep_in.cutoff for configuration in plan.first)
