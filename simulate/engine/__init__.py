"""The numba core: arrays in, statistics out.

Imports nothing of the package and knows arrays only. `trial.simulate_trials` is the one loop; each
stage of it is a kernel over the arrays of one trial's patients, in a module of its own:

draws → times → cutoffs → ordering → logrank, cox
"""
