"""Molecular dynamics as the last phase of a study."""
