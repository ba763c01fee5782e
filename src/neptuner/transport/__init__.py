"""Statistics of heat transport: arrays in, numbers with honest errors out."""
