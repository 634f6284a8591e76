"""What every predictor promises, and the way from a name to one."""
