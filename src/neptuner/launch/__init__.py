"""Running trials as local processes."""
