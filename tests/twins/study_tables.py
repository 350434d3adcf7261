"""Tables of small scenarios with a study, made from what tests vary."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from twins.scenario_tables import Table, events, exponential, hypothesis, relative

HELD: Table = {
    "path": "arms.old.pfs.median_months",
    "values": [6.0, 8.0, 10.0],
    "unit": "months",
    "hold_median_of": "new",
}
ACCRUAL: Table = {"path": "accrual.rate_per_month", "values": [2, 4]}


def study_tables(study: Table | None = None, **tables: Any) -> Table:
    """A trial of 40 patients, exponential, hazard ratio 0.5, with a study."""
    data: Table = {
        "schema_version": 1,
        "title": "A small trial",
        "purpose": "To test.",
        "arms": {"new": {"pfs": relative("old", 0.5)}, "old": {"pfs": exponential(8.0)}},
        "accrual": {"patients": 40, "arrivals": "evenly_spaced", "rate_per_month": 4.0},
        "analyses": {"final": {"trigger": events(25)}},
        "hypotheses": {"pfs": hypothesis("new", "old", "final")},
        "study": study or {"axes": {"control": HELD, "accrual": ACCRUAL}},
        "simulation": {"trials": 300, "seed": 7},
    }
    return deepcopy(data | tables)


def axes(**named: Table) -> Table:
    return study_tables({"axes": named})


# Two looks, so that alpha decides when trials end, and the second may never have its events.
TWO_LOOKS: Table = {
    "analyses": {
        "interim": {"trigger": events(12)},
        "final": {"trigger": events(36, "last_event")},
    },
    "hypotheses": {
        "pfs": hypothesis("new", "old", "interim", "final"),
        "other": hypothesis("new", "old", "final"),
    },
    "arms": {
        "new": {"pfs": relative("old", 0.5)},
        "old": {
            "pfs": exponential(8.0),
            "dropout": {"distribution": "exponential", "rate_per_month": 0.02},
        },
    },
}
BOUNDS: Table = {
    "points": {
        "low": {"hypotheses.pfs.critical_values": [2.0, 2.0]},
        "high": {"hypotheses.pfs.critical_values": [3.0, 2.3]},
    }
}


def judged(**more: Any) -> Table:
    """Cells that differ in bounds alone, and in accrual."""
    return study_tables({"axes": {"bounds": BOUNDS, "accrual": ACCRUAL}} | more, **TWO_LOOKS)
