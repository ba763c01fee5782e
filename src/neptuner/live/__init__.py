"""A study while it runs: what has changed in its directory, and a local page that shows it."""
