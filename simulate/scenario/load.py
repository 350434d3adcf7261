"""Loading a scenario: read, override, validate, and say all that is wrong at once."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path as FilePath
from typing import Any

from simulate.errors import Problem, ScenarioError
from simulate.scenario.checks import cross_checks
from simulate.scenario.draft import Draft, read_draft
from simulate.scenario.ensembles import read_ensemble
from simulate.scenario.models import Scenario
from simulate.scenario.overrides import apply_overrides
from simulate.scenario.reading import (
    Finding,
    Path,
    PlainTable,
    Reading,
    path_text,
    printable,
    shortened,
    toml_text,
)
from simulate.scenario.states import States
from simulate.scenario.toml_lines import line_numbers

MAX_BYTES = 1024 * 1024


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
    name = os.fspath(path)
    data, lines = _parse(name, _read_text(name))
    written, problems = apply_overrides(data, overrides)
    return _build(data, _Places(name, lines, written), problems)


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
    if not isinstance(data, Mapping):
        raise ScenarioError([Problem("", "must be a mapping of tables", toml_text(data))])
    return _build(data, _Places(), [])


@dataclass(frozen=True)
class _Places:
    """Where each path of a scenario was written: a line of the file, or an override."""

    file: str = ""
    lines: Mapping[Path, int] = field(default_factory=dict)
    written: Mapping[Path, str] = field(default_factory=dict)

    def of(self, finding: Finding) -> tuple[float, str]:
        """Give a number to sort by, and the place in words."""
        if not self.file:
            return 0, ""
        for anchor in (finding.path, *finding.anchors):
            for n in range(len(anchor), 0, -1):
                if anchor[:n] in self.written:
                    return float("inf"), self.written[anchor[:n]]
        for n in range(len(finding.path), 0, -1):
            head = finding.path[:n]
            if head in self.lines:
                return self.lines[head], f"{self.file}:{self.lines[head]}"
            for path, option in self.written.items():
                if path[:n] == head:
                    return float("inf"), option
        return 1, f"{self.file}:1"


def _build(data: Mapping[str, Any], places: _Places, problems: Sequence[Problem]) -> Scenario:
    """Make the scenario, or raise everything that is wrong with it."""
    reading = Reading(data)
    # Data that is no tree of tables says nothing about the tables that it lacks.
    _raise_findings(reading, places, problems if reading.findings else ())
    draft = read_draft(reading)
    draft = with_ensembles(draft, FilePath(places.file).parent, reading)
    for finding in cross_checks(draft):
        reading.add(finding)
    _raise_findings(reading, places, problems)
    return Scenario(**{piece.name: getattr(draft, piece.name) for piece in fields(draft)})


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


def _raise_findings(reading: Reading, places: _Places, problems: Sequence[Problem]) -> None:
    if reading.findings or problems:
        found = [(*places.of(finding), finding) for finding in reading.findings]
        found.sort(key=lambda item: item[0])
        raise ScenarioError([_problem(f, where, reading) for _, where, f in found] + [*problems])


def _problem(finding: Finding, where: str, reading: Reading) -> Problem:
    given = reading.value_at(finding.path) if finding.given is None else finding.given
    return Problem(
        path=path_text(finding.path),
        rule=printable(finding.rule),
        given=shortened(printable(given)),
        remedy=printable(finding.remedy),
        where=where,
    )


def _read_text(name: str) -> str:
    """Read the text of a file, or a single problem that says why there is none."""
    file = FilePath(name)
    try:
        if file.is_dir():
            raise _refused(name, "is a folder, not a scenario file")
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _refused(name, "there is no such file") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise _refused(name, f"cannot be read ({reason or error})") from None
    if len(content) > MAX_BYTES:
        raise _refused(name, "must be at most 1 MiB: it is no scenario file")
    if content.startswith(b"\xef\xbb\xbf"):
        remedy = "save it as UTF-8 without a byte order mark"
        raise _refused(f"{name}:1", "must not begin with a byte order mark", remedy)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _refused(f"{name}:{line}", "must be UTF-8 text", "save it as UTF-8") from None


def _parse(name: str, text: str) -> tuple[PlainTable, dict[Path, int]]:
    """Read the data of a TOML text and the line of each path."""
    try:
        return tomllib.loads(text), line_numbers(text)
    except RecursionError:
        raise _refused(name, "must not be nested so deeply") from None
    except ValueError as error:
        # The reader says where in its message, "… (at line 3, column 7)" or "(at end of document)".
        is_long_number = not isinstance(error, tomllib.TOMLDecodeError)
        message = "a number has too many digits" if is_long_number else str(error)
        match = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", message)
        line = "1"
        if match is not None:
            message = message[: match.start()]
            line = match[1] or str(text.rstrip().count("\n") + 1)
        raise _refused(f"{name}:{line}", f"must be valid TOML: {message}") from None


def _refused(where: str, rule: str, remedy: str = "") -> ScenarioError:
    return ScenarioError([Problem("", rule, remedy=remedy, where=where)])
