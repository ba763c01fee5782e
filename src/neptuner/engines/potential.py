"""The NEP a user holds: read it, evaluate it on atoms, describe atoms by it, hand it to ASE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from neptuner.errors import InputError
from neptuner.files.frames import Frame
from neptuner.kernels.chunks import SiteOutputs
from neptuner.kernels.engine import descriptors as unscaled_descriptors
from neptuner.kernels.engine import prepare
from neptuner.kernels.evaluator import Evaluator
from neptuner.kernels.images import full_cell
from neptuner.kernels.site_weights import site_weights
from neptuner.potential.model import Model

if TYPE_CHECKING:
    from ase import Atoms

    from neptuner.engines.calculator import NEPCalculator

Floats = NDArray[np.float64]
Precision = Literal["single", "double"]

DTYPES: dict[str, type[np.floating]] = {"single": np.float32, "double": np.float64}
"""What each precision is in the kernels; ``single`` is GPUMD's."""


class NEP(Model):
    """A neuroevolution potential, ready for use; :meth:`read` takes it from a ``nep.txt``.

    Structures are ``ase.Atoms`` or :class:`~neptuner.files.frames.Frame` and are periodic exactly where their ``pbc``
    says so, as in GPUMD's ``gpumd``.
    """

    def energy_forces_virial(
        self, atoms: Atoms | Frame, *, precision: Precision = "single", threads: int = 1
    ) -> SiteOutputs:
        """Evaluate one structure; for a moving one a :meth:`calculator` is faster.

        Parameters
        ----------
        atoms
            The structure.
        precision
            Precision of the work on pairs of atoms; positions are always double.
        threads
            Number of threads.

        Returns
        -------
        ``energy`` and ``energies`` ``(n_atoms,)`` in eV, ``forces`` ``(n_atoms, 3)`` in eV/angstrom, ``virial``
        ``(3, 3)`` and gpumd's per-atom ``virials`` ``(n_atoms, 3, 3)`` in eV, positive when compressed.

        Raises
        ------
        InputError
            For an element that the potential lacks, a cell without volume, or atoms at the same place.
        """
        frame = as_frame(atoms)
        evaluator = make_evaluator(self, frame, precision=precision, threads=threads, skin=0.0)
        return evaluate(evaluator, frame.positions, frame.cell)

    def descriptors(
        self, atoms: Atoms | Frame, *, scaled: bool = False, precision: Precision = "single", threads: int = 1
    ) -> Floats:
        """Describe the neighbourhood of every atom, ``(n_atoms, dim)``.

        Parameters
        ----------
        atoms
            The structure.
        scaled
            Multiply by ``q_scaler``, which makes the values what the network sees.
        precision, threads
            As for :meth:`energy_forces_virial`.

        Raises
        ------
        InputError
            For an element that the potential lacks or a cell without volume.
        """
        check_options(precision, threads)
        frame = as_frame(atoms)
        species_of(frame, self.settings.elements)
        _check_positions(frame.positions)
        if frame.n_atoms == 0:
            return np.zeros((0, self.settings.dim))
        try:
            frame = replace(frame, cell=full_cell(frame.cell, frame.pbc))
        except ValueError as error:
            raise InputError(str(error)) from error
        prepared = prepare([frame], self.settings, dtype=DTYPES[precision], threads=threads)
        q = unscaled_descriptors(prepared, self).astype(np.float64)
        return q * self.q_scaler if scaled else q

    def calculator(self, **options: Any) -> NEPCalculator:
        """Make a calculator for ASE; options are those of :class:`~neptuner.engines.calculator.NEPCalculator`."""
        from neptuner.engines.calculator import NEPCalculator

        return NEPCalculator(self, **options)


def as_frame(atoms: Atoms | Frame) -> Frame:
    """Take species, positions, cell and periodic directions of a structure."""
    if isinstance(atoms, Frame):
        return atoms
    return Frame(
        species=np.array(list(atoms.symbols), dtype=np.str_),
        positions=np.array(atoms.positions, dtype=float),
        cell=np.array(atoms.cell[:], dtype=float),
        pbc=(bool(atoms.pbc[0]), bool(atoms.pbc[1]), bool(atoms.pbc[2])),
    )


def make_evaluator(
    model: Model, frame: Frame, *, precision: str, threads: int, skin: float, virials: bool = True
) -> Evaluator:
    """Prepare to evaluate a potential on the atoms of a frame while they move; see :func:`evaluate`.

    Raises
    ------
    InputError
        For a bad option or an element that the potential lacks.
    """
    check_options(precision, threads, skin)
    types = species_of(frame, model.settings.elements)
    try:
        weights = site_weights(model, DTYPES[precision])
    except ValueError as error:
        raise InputError(str(error)) from error
    return Evaluator(weights, types, frame.pbc, skin=skin, threads=threads, virials=virials)


def evaluate(evaluator: Evaluator, positions: Floats, cell: Floats) -> SiteOutputs:
    """Evaluate a structure and check that the result is finite.

    Raises
    ------
    InputError
        For positions that are not finite, atoms at the same place or far too close, or a cell without volume.
    """
    _check_positions(positions)
    try:
        outputs = evaluator.evaluate(positions, cell)
    except ValueError as error:
        raise InputError(str(error)) from error
    if not np.isfinite(outputs.energy + outputs.forces.sum()):
        raise InputError("the potential gives numbers that are not finite; are two atoms at the same place?")
    return outputs


def species_of(frame: Frame, elements: Sequence[str]) -> NDArray[np.int32]:
    """Species of each atom as an index into ``elements``, ``(n_atoms,)``.

    Raises
    ------
    InputError
        If ``elements`` lacks one.
    """
    return species_index(frame.species, elements, frame.path, frame=frame.number, line=frame.line)


def species_index(
    species: NDArray[np.str_],
    elements: Sequence[str],
    path: str | None = None,
    *,
    frame: int | None = None,
    line: int | None = None,
) -> NDArray[np.int32]:
    """Species as an index into ``elements``; the place is for the error.

    Raises
    ------
    InputError
        If ``elements`` lacks one.
    """
    symbols, places = np.unique(species, return_inverse=True)
    unknown = [str(symbol) for symbol in symbols if symbol not in elements]
    if unknown:
        raise InputError(
            f"the structure has {' '.join(unknown)}, which the potential lacks ({' '.join(elements)})",
            path=path,
            frame=frame,
            line=line,
        )
    index = np.array([elements.index(symbol) for symbol in symbols], dtype=np.int32)
    return index[places]


def check_options(precision: str, threads: int, skin: float = 0.0) -> None:
    """Check the options of an evaluation.

    Raises
    ------
    InputError
        For the first that is out of range.
    """
    if precision not in DTYPES:
        raise InputError(f"the precision is {precision}, expected {' or '.join(DTYPES)}")
    if threads < 1:
        raise InputError(f"the number of threads is {threads}, expected 1 or more")
    if not 0.0 <= skin < np.inf:
        raise InputError(f"the skin is {skin} angstrom, expected 0 or more")


def _check_positions(positions: Floats) -> None:
    if not np.isfinite(positions).all():
        raise InputError("has positions that are not finite numbers")
