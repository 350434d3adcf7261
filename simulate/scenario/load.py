"""Loading a scenario: read, override, validate, and say all that is wrong at once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

from simulate.errors import Problem, ScenarioError
from simulate.scenario.checks import cross_checks
from simulate.scenario.draft import Draft, read_draft
from simulate.scenario.ensembles import read_ensemble
from simulate.scenario.files import Tables, is_evidence, raise_findings, read_tables, tables_of
from simulate.scenario.models import Scenario
from simulate.scenario.reading import Finding, Path, Reading
from simulate.scenario.states import States


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
    return scenario_of(read_scenario(path, overrides))


def read_scenario(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> Tables:
    """Read the tables of a scenario file, as `load_scenario` does before it makes a scenario.

    Raises
    ------
    ScenarioError
        If there is no such file, or it is none of a scenario.
    """
    tables = read_tables(path, overrides)
    if is_evidence(tables.data):
        rule = "must be a scenario: this is published evidence"
        remedy = "simulate check tells what it says"
        raise ScenarioError([Problem("", rule, "", remedy, os.fspath(path))])
    return tables


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
    return scenario_of(tables_of(data))


def scenario_of(tables: Tables) -> Scenario:
    """Make the scenario that tables are of.

    Raises
    ------
    ScenarioError
        With every problem found, in the order of the file.
    """
    reading = Reading(tables.data)
    # Data that is no tree of tables says nothing about the tables that it lacks.
    raise_findings(reading, tables.places, tables.problems if reading.findings else ())
    draft = read_draft(reading)
    draft = with_ensembles(draft, FilePath(tables.places.file).parent, reading)
    for finding in cross_checks(draft):
        reading.add(finding)
    raise_findings(reading, tables.places, tables.problems)
    return Scenario(**{name: getattr(draft, name) for name in Scenario.model_fields})


def with_ensembles(draft: Draft, folder: FilePath, reading: Reading) -> Draft:
    """Fill the members of the ensembles that arms name by their files, relative to ``folder``."""
    arms = dict(draft.arms or {})
    for name, arm in arms.items():
        states = None if arm is None else arm.states
        if arm is None or states is None or states.ensemble is None or states.members:
            continue
        path: Path = ("arms", name, "states", "ensemble")
        try:
            found = read_ensemble(folder / states.ensemble)
            filled = States.model_validate({**_set_in(states), **found.as_tables()})
        except ValueError as error:
            remedy = "simulate calibrate writes one from an evidence file"
            reading.add(Finding(path, str(error), remedy=remedy))
            arms[name] = None
        else:
            arms[name] = arm.model_copy(update={"states": filled})
    return replace(draft, arms=arms) if arms else draft


def _set_in(states: States) -> dict[str, Any]:
    """The keys that a table of states sets."""
    return {name: getattr(states, name) for name in states.model_fields_set}
