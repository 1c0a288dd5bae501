"""Settings of the project: all defaults."""
