"""The frames of a study: held out, in parts, tested for near-copies."""
