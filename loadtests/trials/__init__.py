"""Trials: what was tried at length, for its bounds and not for its speed beside others."""
