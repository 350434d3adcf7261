"""Closed forms of what the simulation yields: expected counts, crossing probabilities, power."""
