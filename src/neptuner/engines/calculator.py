"""A NEP as a calculator of ASE."""

# mypy: allow-untyped-calls
# (ASE is typed in part)

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.calculators.calculator import Calculator, PropertyNotImplementedError, all_changes
from ase.stress import full_3x3_to_voigt_6_stress
from numpy.typing import NDArray

from neptuner.engines.potential import as_frame, check_options, evaluate, make_evaluator
from neptuner.errors import InputError
from neptuner.kernels.chunks import SiteOutputs
from neptuner.kernels.evaluator import Evaluator
from neptuner.potential.model import Model

if TYPE_CHECKING:
    from ase import Atoms

Floats = NDArray[np.float64]

PROPERTIES = ["energy", "free_energy", "energies", "forces", "stress", "stresses"]
OPTIONS = {"precision": "single", "threads": 1, "skin": 1.0}
NOT_OUR_CONCERN = {"initial_charges", "initial_magmoms"}


class NEPCalculator(Calculator):
    """Energies, forces and stresses of a NEP for ASE.

    Signs, units and order are ASE's: stress in eV/cubic angstrom, positive under tension, xx yy zz yz xz xy. As with
    ASE's own potentials there is a stress wherever three lattice vectors span a volume, whatever ``pbc`` says, and
    ``stresses`` are per-atom shares that add up to the stress; here -1/V times the symmetric part of gpumd's per-atom
    virial.
    """

    name = "nep"
    implemented_properties = PROPERTIES
    default_parameters = OPTIONS
    ignored_changes = NOT_OUR_CONCERN

    def __init__(self, model: Model | str | Path, **options: Any) -> None:
        """Make a calculator.

        Parameters
        ----------
        model
            A potential or the path of a ``nep.txt``.
        options
            ``precision`` of the work on pairs of atoms, ``"single"`` (as in GPUMD, the default) or ``"double"``;
            number of ``threads`` (1); ``skin``, the extra reach of neighbour lists in angstrom (1.0), which lets them
            serve until an atom has moved by half of it; and those of ASE's ``Calculator``.

        Raises
        ------
        InputError
            For a bad file or option.
        """
        self.model = model if isinstance(model, Model) else Model.read(model)
        self._evaluator: Evaluator | None = None
        self._made_for: tuple[bytes, bytes] | None = None
        self._virials: Floats = np.zeros((0, 3, 3))
        super().__init__(**options)

    def set(self, **options: Any) -> dict[str, Any]:
        """Change options; returns those that changed."""
        unknown = sorted(options.keys() - OPTIONS.keys())
        if unknown:
            raise InputError(f"the calculator has no option {unknown[0]}, expected {', '.join(OPTIONS)}")
        wanted = {**self.parameters, **options}
        check_options(wanted["precision"], wanted["threads"], wanted["skin"])
        changed: dict[str, Any] = super().set(**options)
        if changed:
            self._evaluator = None
        if "precision" in changed:
            self.reset()
        return changed

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Compute all properties; ASE calls it when atoms or cell have changed.

        Raises
        ------
        InputError
            For an element that the potential lacks, or atoms at the same place.
        PropertyNotImplementedError
            If a stress is wanted where lattice vectors span no volume.
        """
        super().calculate(atoms, properties, system_changes)
        if self.atoms is None:
            raise InputError("the calculator has no atoms yet; expected some")
        if system_changes or not self.results:
            self._evaluate(self.atoms)
        if not self.results.keys() >= set(properties or ()):
            raise PropertyNotImplementedError("stress needs three lattice vectors that span a volume")

    def get_virials(self, atoms: Atoms | None = None) -> Floats:
        """Per-atom virials in gpumd's bookkeeping, ``(n_atoms, 3, 3)`` in eV, positive when compressed.

        They are not symmetric, and are what the heat current of a many-body potential needs.
        """
        self.get_property("energy", atoms)
        return self._virials.copy()

    def __getstate__(self) -> dict[str, Any]:
        # neighbour lists are large and soon made again
        return {**self.__dict__, "_evaluator": None}

    def _evaluate(self, atoms: Atoms) -> None:
        outputs = evaluate(self._evaluator_of(atoms), atoms.positions, atoms.cell[:])
        assert outputs.virials is not None
        self.results, self._virials = _results(outputs, outputs.virials, atoms), outputs.virials

    def _evaluator_of(self, atoms: Atoms) -> Evaluator:
        """Keep one evaluator as long as species and periodic directions stay the same."""
        wanted = atoms.numbers.tobytes(), atoms.pbc.tobytes()
        if self._evaluator is None or self._made_for != wanted:
            self._evaluator = make_evaluator(self.model, as_frame(atoms), **self._options())
            self._made_for = wanted
        return self._evaluator

    def _options(self) -> dict[str, Any]:
        return {name: self.parameters[name] for name in OPTIONS}


def _results(outputs: SiteOutputs, virials: Floats, atoms: Atoms) -> dict[str, Any]:
    results = {
        "energy": outputs.energy,
        "free_energy": outputs.energy,
        "energies": outputs.energies,
        "forces": outputs.forces,
    }
    if atoms.cell.rank == 3:
        volume = atoms.get_volume()
        results["stress"] = -full_3x3_to_voigt_6_stress(outputs.virial) / volume
        results["stresses"] = -full_3x3_to_voigt_6_stress(virials) / volume
    return results
