"""Train and evaluate: here with neptuner's own code, or with another program."""
