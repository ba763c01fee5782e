"""Spec, plan, judge, store and run of a study."""
