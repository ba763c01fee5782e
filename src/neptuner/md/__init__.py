"""Molecular dynamics with GPUMD's integrators, conventions and measurements."""
