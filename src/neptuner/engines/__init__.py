"""\"Train here\" and \"evaluate here\"."""
