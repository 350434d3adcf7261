"""Loading a scenario: read, override, validate, and say all that is wrong at once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from simulate.errors import Problem, ScenarioError
from simulate.scenario.checks import cross_checks
from simulate.scenario.draft import read_draft
from simulate.scenario.files import Tables, is_evidence, raise_findings, read_tables, tables_of
from simulate.scenario.models import Scenario
from simulate.scenario.reading import Reading


def load_scenario(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> Scenario:
    """Load a scenario file.

    Parameters
    ----------
    path : str or path-like
        The TOML file.
    overrides : sequence of str
        ``path=value`` each, over the values of the file, in order.

    Returns
    -------
    Scenario
        The scenario, its defaults filled.

    Raises
    ------
    ScenarioError
        With every problem found, in the order of the file.
    """
    tables = read_tables(path, overrides)
    if is_evidence(tables.data):
        rule = "must be a scenario: this is published evidence"
        remedy = "simulate check tells what it says"
        raise ScenarioError([Problem("", rule, "", remedy, os.fspath(path))])
    return _build(tables)


def scenario_from_dict(data: Mapping[str, Any]) -> Scenario:
    """Make a scenario from tables in Python, of the same form as a scenario file.

    Parameters
    ----------
    data : mapping
        Tables as mappings, arrays as lists or tuples; None stands for an absent key.

    Returns
    -------
    Scenario
        The scenario, its defaults filled.

    Raises
    ------
    ScenarioError
        With every problem found.
    """
    return _build(tables_of(data))


def _build(tables: Tables) -> Scenario:
    """Make the scenario, or raise everything that is wrong with it."""
    reading = Reading(tables.data)
    # Data that is no tree of tables says nothing about the tables that it lacks.
    raise_findings(reading, tables.places, tables.problems if reading.findings else ())
    draft = read_draft(reading)
    for finding in cross_checks(draft):
        reading.add(finding)
    raise_findings(reading, tables.places, tables.problems)
    return Scenario(**{piece.name: getattr(draft, piece.name) for piece in fields(draft)})
