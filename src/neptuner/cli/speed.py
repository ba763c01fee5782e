"""``neptuner speed``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from neptuner.cli.suggestions import words


def speed(
    model: Annotated[Path, typer.Argument(metavar="NEP.txt", help="The potential.")],
    structure: Annotated[Path, typer.Argument(metavar="MODEL.xyz", help="Extended xyz file; its first frame counts.")],
    threads: Annotated[int | None, typer.Option(help="Threads (default: every processor).")] = None,
    steps: Annotated[int, typer.Option(help="Steps of each timed part.")] = 50,
    repeats: Annotated[int, typer.Option(help="Number of timed parts, one after the other.")] = 5,
    temperature: Annotated[float, typer.Option(help="Of the first velocities, in K.")] = 300.0,
    timestep: Annotated[float, typer.Option(help="In fs.")] = 1.0,
    replicate: Annotated[tuple[int, int, int], typer.Option(help="Copies along each lattice vector.")] = (1, 1, 1),
    precision: Annotated[
        str, typer.Option(autocompletion=words("single", "double"), help="single or double")
    ] = "single",
    skin: Annotated[float, typer.Option(help="Extra reach of neighbour lists in angstrom.")] = 1.0,
    virials: Annotated[bool, typer.Option("--virials", help="Per-atom virials in every step.")] = False,
    seed: Annotated[int, typer.Option(help="Of the first velocities.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Time a potential in a short molecular dynamics run at constant energy."""
    from neptuner.engines import speed as engine
    from neptuner.machine import usable_cpus

    settings = engine.SpeedSettings(
        threads=usable_cpus() if threads is None else threads,
        steps=steps,
        repeats=repeats,
        temperature=temperature,
        timestep=timestep,
        replicate=replicate,
        precision=precision,
        skin=skin,
        virials=virials,
        seed=seed,
    )
    result = engine.speed(model, structure, settings)
    if as_json:
        print(json.dumps(result))
        return
    print(f"{structure}: {_conditions(result)}")
    for name, text in _rows(result).items():
        print(f"{name:20s}{text}")
    print(_versions(result["provenance"]))


def _conditions(result: dict[str, Any]) -> str:
    threads = f"{result['threads']} thread{'s' if result['threads'] > 1 else ''}"
    virials = ", per-atom virials" if result["virials"] else ""
    return (
        f"{result['atoms']:,} atoms, {threads}, {result['precision']} precision, {result['timestep_fs']:g} fs{virials}"
    )


def _rows(result: dict[str, Any]) -> dict[str, str]:
    parts = f"median of {result['repeats']} times {result['steps']} steps"
    drift = result["energy_drift_mev_per_atom_per_ps"]
    return {
        "atom_steps_per_s": f"{result['atom_steps_per_s']:,.0f}  {parts}; best {result['atom_steps_per_s_best']:,.0f}",
        "us_per_atom_step": f"{result['us_per_atom_step']:.3f}",
        "ns_per_day": f"{result['ns_per_day']:.3g}",
        "radial neighbours": _neighbors(result["neighbors"]["radial"]),
        "angular neighbours": _neighbors(result["neighbors"]["angular"]),
        "list rebuilds": str(result["rebuilds"]),
        "energy drift": "-" if drift is None else f"{drift:+.3g} meV/atom/ps",
    }


def _neighbors(counts: dict[str, float]) -> str:
    listed = f"{counts['listed_mean']:.1f} and {counts['listed_max']:.0f} listed"
    return f"mean {counts['mean']:.1f}, most {counts['max']:.0f} within the cutoff; {listed}"


def _versions(provenance: dict[str, Any]) -> str:
    names = ("neptuner", "python", "numpy", "numba")
    return f"{', '.join(f'{name} {provenance[name]}' for name in names)}, {provenance['processor']}"
