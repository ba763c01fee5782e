"""How long a run resolves what: errors of heat transport known before a run is made.

The heat current J of a volume V in equilibrium fluctuates as its dissipation says: by the Green-Kubo relation its mean
over a time t, much longer than its correlation time, has the variance 2 k_B T^2 V kappa / t. In a run driven by Fe,
kappa = <J> / (T V Fe), hence

    SE(kappa) = sqrt(2 k_B kappa / (V t)) / Fe

as long as the driving force is in the linear regime and does not change the fluctuations.
"""

from __future__ import annotations

import math

BOLTZMANN_JOULE = 1.380649e-23
"""Boltzmann's constant in J/K."""
POWERED = 2.8
"""Standard errors that a difference must have to be found at 95 % confidence four times in five."""
_CUBIC_ANGSTROM = 1e-30
_PER_ANGSTROM = 1e10
_PICOSECOND = 1e-12


def predicted_error(kappa: float, volume: float, fe: float, time_ps: float) -> float:
    """Standard error in W/mK of a conductivity from driven runs.

    Parameters
    ----------
    kappa
        Conductivity in W/mK, about.
    volume
        In cubic angstrom.
    fe
        Driving force in 1/angstrom.
    time_ps
        Production time of all runs together in picoseconds.
    """
    return math.sqrt(_variance_times_time(kappa, volume, fe) / (time_ps * _PICOSECOND))


def planned_time(kappa: float, volume: float, fe: float, target_error: float) -> float:
    """Production time in picoseconds, all runs together, after which the standard error is as asked for.

    The parameters are those of :func:`predicted_error`; `target_error` is in W/mK.
    """
    return _variance_times_time(kappa, volume, fe) / target_error**2 / _PICOSECOND


def time_to_resolve(first: tuple[float, float, float], second: tuple[float, float, float], difference: float) -> float:
    """Production time of each of two models after which a difference is found four times in five.

    Found means that the 95 % interval of the difference leaves out zero; the difference must then be 2.8 of its
    standard errors.

    Parameters
    ----------
    first, second
        Conductivity in W/mK, volume in cubic angstrom and driving force in 1/angstrom of each model's runs.
    difference
        What is to be found, in W/mK.

    Returns
    -------
    Time in picoseconds for one model, all its runs together; the other needs as much. Infinite for no difference.
    """
    if difference == 0:
        return math.inf
    both = _variance_times_time(*first) + _variance_times_time(*second)
    return both * (POWERED / difference) ** 2 / _PICOSECOND


def green_kubo_relative_error(window_ps: float, time_ps: float) -> float:
    """Relative standard error of a Green-Kubo conductivity integrated up to a cut-off.

    The integral is the spectrum at zero frequency smoothed by a box in time of that half-width, whose relative
    variance is 4 times the half-width over the length of the data (M. B. Priestley, Spectral Analysis and Time Series,
    section 6.2; R. E. Jones and K. K. Mandadapu, J. Chem. Phys. 136, 154102 (2012)).

    Parameters
    ----------
    window_ps
        Effective half-width of the window in picoseconds.
    time_ps
        Length of all independent currents together (runs times directions) in picoseconds.
    """
    return 2 * math.sqrt(window_ps / time_ps)


def _variance_times_time(kappa: float, volume: float, fe: float) -> float:
    """Squared error times time in (W/mK)^2 s."""
    noise = 2 * BOLTZMANN_JOULE * abs(kappa) / (volume * _CUBIC_ANGSTROM)
    return noise / (fe * _PER_ANGSTROM) ** 2
