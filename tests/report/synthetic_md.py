"""The part ``md`` of results.json, made of random numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

MODELS = {"baseline": ("baseline", 2.30), "final": ("combined-extended", 2.52)}


def synthetic_md(*, resolved: bool = False, correction: bool = True, scan: bool = False, **changes: Any) -> dict:
    """Molecular dynamics of a finished study."""
    rng = np.random.default_rng(5)
    runs = [run(key, "screen", 0, None) for key in MODELS]
    models = {}
    for key, (name, kappa) in MODELS.items():
        own = [run(key, "kappa", k, kappa + 0.09 * rng.standard_normal()) for k in range(3)]
        runs += own
        models[key] = model(name, own, rng, scan=scan)
    difference = "κ(combined-extended) \u2212 κ(baseline) = +0.22 W/mK"
    difference += " (+9.6 %; 95 % interval \u22120.09 to +0.53): not resolved by 60 ps of each"
    sentence = f"{difference}; this difference would need about 1.2 ns of each, one of 10 % about 1.1 ns"
    return {
        "state": "done",
        "temperature_k": 300.0,
        "method": "hnemd",
        "fe_per_angstrom": [2e-4, 4e-4] if scan else [2e-4],
        "direction": "x",
        "time_ps": 20.0,
        "equilibration_ps": 5.0,
        "screen_ps": 2.0,
        "time_step_fs": 1.0,
        "thermostat": "nvt_nhc",
        "replicates": 3,
        "supercell": [3, 3, 2],
        "atoms": 1152,
        "structure": {"source": "frame 7 of train.xyz (64 atoms)", "path": "train.xyz", "frame": 7, "atoms": 64},
        "screen": {key: screen() for key in MODELS},
        "models": models,
        "comparison": {
            "difference": 0.22, "standard_error": 0.13, "interval": [-0.09, 0.53], "resolved": resolved,
            "sentence": sentence, "time_to_resolve_ps": 1200.0, "time_to_resolve_tenth_ps": 1100.0,
        },
        "correction": fit() if correction else None,
        "runs": runs,
        "verdict": f"At 300 K, {sentence}.",
        "note": "",
        "warnings": [],
    } | changes  # fmt: skip


def run(key: str, kind: str, replicate: int, kappa: float | None) -> dict[str, Any]:
    name = f"md/{key}-{'screen' if kind == 'screen' else f'r{replicate}'}-0123456789"
    return {
        "id": name, "directory": name, "kind": kind, "model": key, "replicate": replicate, "seed": 1 + replicate,
        "fe_per_angstrom": None if kind == "screen" else 2e-4, "steps": 25000, "state": "done", "error": None,
        "kappa": kappa, "blocked_error": None if kappa is None else 0.08, "seconds": 61.0, "ns_per_day": 30.0,
    }  # fmt: skip


def screen() -> dict[str, Any]:
    return {
        "run": "md/x", "state": "done", "error": None, "passed": True,
        "sentence": "drift 2e-05 meV/atom/ps over 2 ps at constant energy, 301 K at the end",
        "drift_mev_per_atom_per_ps": 2e-5, "temperature_k": 300.4, "last_temperature_k": 301.0, "time_ps": 2.0,
        "force_rmse": None,
    }  # fmt: skip


def model(name: str, runs: list[dict[str, Any]], rng: np.random.Generator, *, scan: bool) -> dict[str, Any]:
    kappa = float(np.mean([r["kappa"] for r in runs]))
    time = np.linspace(0.1, 20, 200)
    wander = np.cumsum(rng.standard_normal(200)) / np.arange(1, 201) * 0.4
    mean, error = kappa + wander - wander[-1], 0.09 * np.sqrt(20 / time)
    omega = 2.0 * np.arange(1, 201)
    spectrum = kappa * 2 * np.pi * omega / 40**2 * np.exp(-omega / 40)
    return {
        "name": name,
        "trial": f"{name}-r0-0000",
        "potential_sha256": "00" * 32,
        "force_rmse": {"validation": 0.11, "test": 0.12},
        "kappa": kappa,
        "standard_error": 0.09,
        "interval": [kappa - 0.2, kappa + 0.2],
        "error_from": "runs",
        "spread_error": 0.09,
        "blocked_error": 0.07,
        "predicted_error": 0.08,
        "production_ps": 60.0,
        "cut_ps": 0.0,
        "volume_cubic_angstrom": 12000.0,
        "ns_per_day": 30.0,
        "runs": runs,
        "running": {
            "time_ps": time.tolist(), "mean": mean.tolist(), "low": (mean - error).tolist(),
            "high": (mean + error).tolist(),
        },
        "spectrum": {
            "omega": omega.tolist(), "kappa": spectrum.tolist(), "error": (0.1 * spectrum + 1e-4).tolist(),
            "integral": kappa, "integral_error": 0.1,
        },
        "scan": {"verdict": "linear within errors up to Fe = 0.0004/Å; recommended: Fe = 0.0003/Å"} if scan else None,
        "warnings": ["the run is too short for blocking to be trusted"],
    }  # fmt: skip


def fit() -> dict[str, Any]:
    names = [("baseline", "baseline"), ("n_max=6-6", "n_max=6-6"), ("neuron=10", "neuron=10")]
    names.append(("final", "combined-extended"))
    rmse = [0.16, 0.14, 0.17, 0.11]
    points = [
        {"model": key, "name": name, "runs": [], "force_rmse": x, "kappa": 3 - 4.4 * x, "standard_error": 0.08}
        for (key, name), x in zip(names, rmse, strict=True)
    ]
    sigma = np.linspace(0, 0.18, 41)
    return {
        "split": "test", "points": points, "order": 1, "kappa": 3.0, "standard_error": 0.31, "interval": [2.4, 3.6],
        "coefficients": [3.0, -4.4], "chi2": 0.3, "p_value": 0.8, "problem": None,
        "curve": {
            "force_rmse": sigma.tolist(), "kappa": (3 - 4.4 * sigma).tolist(), "error": (0.31 - sigma).tolist(),
        },
        "sentence": "Extrapolated to no force error (a line), the conductivity is 3 ± 0.31 W/mK.",
        "warnings": ["the extrapolation to zero goes further than the force errors span"],
    }  # fmt: skip
