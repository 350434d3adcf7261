"""One trial's patients among those of several that are made at once."""

from __future__ import annotations

from typing import TypeVar

from simulate.engine.arrays import FloatArray, IntArray, Patients
from simulate.engine.compile import inlined_kernel

Table = TypeVar("Table", FloatArray, IntArray)


@inlined_kernel
def patients_of_trial(patients: Patients, number: int, n: int) -> Patients:
    """Patients of trial ``number``, from 0, of those made at once, ``n`` each; no copies."""
    first = number * n
    stop = first + n
    return Patients(
        patients.stratum[first:stop],
        patients.arm[first:stop],
        patients.cell[first:stop],
        patients.entry[first:stop],
        patients.dropout[first:stop],
        patients.progression[first:stop],
        patients.response[first:stop],
        patients.discontinuation[first:stop],
        patients.shift[first:stop],
        patients.assessable[first:stop],
        patients.event,
        patients.end,
        patients.outcome,
        patients.calendar_end,
        patients.calendar_event,
        first,
    )


@inlined_kernel
def own_row(table: Table, endpoint: int, patients: Patients) -> Table:
    """Row of an endpoint in an array by endpoint, from the first of one trial's patients on."""
    row: Table = table[endpoint]
    return row[patients.first :]
