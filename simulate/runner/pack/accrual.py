"""Accrual as arrays."""

from __future__ import annotations

from simulate.scenario.models import Accrual


def evenly_spaced_entries(accrual: Accrual) -> list[float]:
    """Calendar months of entry: patient k, from 1, when the cumulative accrual reaches k."""
    starts, cumulative, rates = accrual_steps(accrual)
    entries = []
    step = 0
    for patient in range(1, accrual.patients + 1):
        while step + 1 < len(starts) and patient > cumulative[step + 1]:
            step += 1
        entries.append(starts[step] + (patient - cumulative[step]) / rates[step])
    return entries


def accrual_steps(accrual: Accrual) -> tuple[list[float], list[float], list[float]]:
    """Start (calendar months), cumulative accrual at the start, and rate of each step."""
    starts = [start for start, _ in accrual.steps]
    rates = [rate for _, rate in accrual.steps]
    cumulative = [0.0]
    for j in range(len(starts) - 1):
        cumulative.append(cumulative[j] + rates[j] * (starts[j + 1] - starts[j]))
    return starts, cumulative, rates
