"""The audit of a data set: what would spoil a training, and where it stands."""
