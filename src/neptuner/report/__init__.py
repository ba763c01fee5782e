"""Numbers to figures and pages."""
