"""Compiled twins of ``potential/reference.py``; nothing else knows Numba.

Every kernel is generic in the floating-point type of its arrays: constants are made in that type, so that float32
kernels hold no float64. Kernels are serial and release the GIL; threads take blocks of atoms.
"""
