"""Training: prepared data, loss, analytic gradient, optimiser, trainer."""
