"""What a run measures: one class for each keyword of run.in."""
