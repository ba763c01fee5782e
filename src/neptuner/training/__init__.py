"""Dataset, loss, gradient, optimiser, trainer."""
