"""Spreads of the random numbers that a network starts from, whether whole or grown."""

from __future__ import annotations

GAIN = 2.0
"""Spread of hidden weights, in units of one over the root of the number of inputs."""

BIAS_SPREAD = 0.5
"""Spread of the first layer's biases about those that centre its inputs."""
