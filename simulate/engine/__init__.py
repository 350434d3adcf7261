"""The numba core: arrays in, statistics out.

Imports nothing of the package and knows arrays only. A `plan.Plan` says everything about the trial
and does not change; `statistics.Statistics` are the rows that come out. The caller owns both, and a
`workspace.Workspace`: the trial loop allocates nothing.

`trial.simulate_trials` is the one loop; each stage of it is a kernel over the arrays of patients,
in a module of its own. Patients are made, of several small trials at once; then each trial is
analysed:

draws → times → cutoffs → ordering → logrank, cox
"""
