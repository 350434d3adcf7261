"""Two hashes of a scenario: of what is simulated, and of how it is judged."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from simulate.scenario.endpoints import Correlations
from simulate.scenario.models import Factor, Scenario
from simulate.scenario.resolve import n_members, uncertain_tables
from simulate.scenario.tables import Table

# What a table says for its readers and not for the simulation.
NOT_HASHED = frozenset({"label", "status", "source", "ensemble"})
# Tables whose order means nothing; that of all others is part of the scenario.
UNORDERED = frozenset({"stratum", "by_stratum", "joint_prevalence", "binary", "clocks", "members"})
# Keys that came later, left out where they have their defaults: other hashes stay as they were.
LATER = {
    "binary": {},
    "shift_days": 0,
    "not_evaluable_probability": 0.0,
    "censor_at": "follow_up_end",
}


def data_hash(scenario: Scenario) -> str:
    """Hash everything that reaches the engine.

    Parameters
    ----------
    scenario : Scenario
        A scenario as loaded.

    Returns
    -------
    str
        SHA-256, in hexadecimal, of the canonical JSON of the arms, strata, accrual, randomisation,
        follow-up, the analyses, and the hypotheses but for their significance levels.
    """
    tables = (
        "arms",
        "strata",
        "joint_prevalence",
        "accrual",
        "randomisation",
        "follow_up",
        "analyses",
    )
    content = {name: _canonical(getattr(scenario, name), name) for name in tables}
    # Tables that came later: scenarios without them keep the hashes they had.
    for name in ("assessments", "binary_endpoints", "estimates"):
        if getattr(scenario, name):
            content[name] = _canonical(getattr(scenario, name), name)
    if uncertain_tables(scenario):
        content["members"] = n_members(scenario)
    if scenario.correlations != Correlations():
        content["correlations"] = _canonical(scenario.correlations, "correlations")
    tested = ("endpoint", "arms", "test", "analyses")
    content["hypotheses"] = _of_hypotheses(scenario, tested)
    return _sha256(content)


def design_hash(scenario: Scenario) -> str:
    """Hash what is applied to the statistics afterwards.

    Parameters
    ----------
    scenario : Scenario
        A scenario as loaded.

    Returns
    -------
    str
        SHA-256, in hexadecimal, of the canonical JSON of the hypotheses' significance levels or
        critical values and of the stopping rule.
    """
    judged = ("alpha", "critical_values")
    stopping = _canonical(scenario.stopping, "stopping")
    return _sha256({"hypotheses": _of_hypotheses(scenario, judged), "stopping": stopping})


def canonical_hash(table: Table) -> str:
    """Hash a table of another kind of file: all but labels, statuses and sources.

    Parameters
    ----------
    table : Table
        A table as loaded.

    Returns
    -------
    str
        SHA-256, in hexadecimal, of its canonical JSON.
    """
    return _sha256(_canonical(table, ""))


def _of_hypotheses(scenario: Scenario, keys: tuple[str, ...]) -> list[Any]:
    return [
        [name, {key: _canonical(getattr(hypothesis, key), key) for key in keys}]
        for name, hypothesis in scenario.hypotheses.items()
    ]


def _canonical(value: Any, key: str) -> Any:
    """Write a value as JSON holds it: named entries as pairs, in order where that matters.

    Absent values are left out, so that a new optional key of a later version leaves the hashes of
    the scenarios that do not use it.
    """
    if isinstance(value, Factor):
        return _canonical(value.prevalences, key)
    if isinstance(value, Table):
        items = {name: getattr(value, name) for name in type(value).model_fields}
        return {
            name: _canonical(item, name)
            for name, item in items.items()
            if item is not None
            and name not in NOT_HASHED
            and not (name in LATER and item == LATER[name])
        }
    if isinstance(value, dict):
        pairs = [[name, _canonical(item, "")] for name, item in value.items()]
        return sorted(pairs) if key in UNORDERED else pairs
    if isinstance(value, tuple):
        return [_canonical(item, "") for item in value]
    # A negative zero is a zero.
    return value + 0.0 if isinstance(value, float) else value


def _sha256(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
