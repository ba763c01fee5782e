"""Joint search over several keywords."""
