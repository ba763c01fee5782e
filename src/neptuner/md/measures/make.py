"""Which class measures what a keyword of run.in asks for."""

from __future__ import annotations

from neptuner.files.script import (
    ComputeHac,
    ComputeHnemd,
    ComputeMsd,
    ComputeRdf,
    ComputeShc,
    DumpRestart,
    DumpThermo,
    Measure,
)
from neptuner.md.measures.base import Context, Measurement
from neptuner.md.measures.dumps import Restart, ThermoRows, Trajectory
from neptuner.md.measures.heat import DrivenConductivity, HeatAutocorrelation
from neptuner.md.measures.spectral import SpectralHeatCurrent
from neptuner.md.measures.structure import Displacements, PairDistances


def make_measurement(measure: Measure, context: Context) -> Measurement:
    """Make what a keyword asks for."""
    match measure:
        case DumpThermo():
            return ThermoRows(measure, context)
        case DumpRestart():
            return Restart(measure, context)
        case ComputeHnemd():
            return DrivenConductivity(measure, context)
        case ComputeHac():
            return HeatAutocorrelation(measure, context)
        case ComputeShc():
            return SpectralHeatCurrent(measure, context)
        case ComputeMsd():
            return Displacements(measure, context)
        case ComputeRdf():
            return PairDistances(measure, context)
    return Trajectory(measure, context)
