"""Running trials: as processes of this machine, or as jobs in the queue of a scheduler."""
