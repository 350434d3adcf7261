"""Loading an evidence file: read, override, validate, and say all that is wrong at once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from simulate.calibration.checks import check_evidence
from simulate.calibration.evidence import Evidence
from simulate.errors import Problem, ScenarioError
from simulate.scenario.files import Tables, is_evidence, raise_findings, read_tables, tables_of
from simulate.scenario.pieces import read_pieces
from simulate.scenario.reading import Reading


def load_evidence(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> Evidence:
    """Load an evidence file.

    Parameters
    ----------
    path : str or path-like
        The TOML file.
    overrides : sequence of str
        ``path=value`` each, over the values of the file, in order.

    Returns
    -------
    Evidence
        The evidence, its defaults filled, without contradictions that arithmetic can prove.

    Raises
    ------
    ScenarioError
        With every problem found, in the order of the file.
    """
    tables = read_tables(path, overrides, "evidence")
    if "arms" in tables.data and not is_evidence(tables.data):
        rule = "must be published evidence: this is a scenario"
        remedy = "simulate run simulates it"
        raise ScenarioError([Problem("", rule, "", remedy, os.fspath(path))])
    return _build(tables)


def evidence_from_dict(data: Mapping[str, Any]) -> Evidence:
    """Make evidence from tables in Python, of the same form as an evidence file.

    Parameters
    ----------
    data : mapping
        Tables as mappings, arrays as lists or tuples; None stands for an absent key.

    Returns
    -------
    Evidence
        The evidence, its defaults filled.

    Raises
    ------
    ScenarioError
        With every problem found.
    """
    return _build(tables_of(data))


def _build(tables: Tables) -> Evidence:
    """Make the evidence, or raise everything that is wrong with it."""
    reading = Reading(tables.data)
    # Data that is no tree of tables says nothing about the tables that it lacks.
    raise_findings(reading, tables.places, tables.problems if reading.findings else ())
    pieces = read_pieces(reading, Evidence)
    raise_findings(reading, tables.places, tables.problems)
    evidence = Evidence(**pieces)
    for finding in check_evidence(evidence):
        reading.add(finding)
    raise_findings(reading, tables.places, ())
    return evidence
