"""Files of tables: their text, where each value was written, and problems that name the place."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from simulate.errors import Problem, ScenarioError
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
from simulate.scenario.toml_lines import line_numbers

MAX_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Places:
    """Where each path of a file was written: a line of the file, or an override."""

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


@dataclass(frozen=True)
class Tables:
    """The tables of a file as read, overrides applied.

    Attributes
    ----------
    data : dict
        Tables, arrays and values.
    places : Places
        Where each was written.
    problems : list of Problem
        The overrides that could not be applied.
    """

    data: Mapping[str, Any]
    places: Places
    problems: list[Problem]


def read_tables(
    path: str | os.PathLike[str], overrides: Sequence[str] = (), kind: str = "scenario"
) -> Tables:
    """Read the tables of a TOML file and set values over those that it has.

    Parameters
    ----------
    path : str or path-like
        The TOML file.
    overrides : sequence of str
        ``path=value`` each, over the values of the file, in order.
    kind : str
        What the file should be, for messages.

    Returns
    -------
    Tables

    Raises
    ------
    ScenarioError
        If there is no such file, or it is no TOML.
    """
    name = os.fspath(path)
    data, lines = _parse(name, _read_text(name, kind))
    written, problems = apply_overrides(data, overrides)
    return Tables(data, Places(name, lines, written), problems)


def is_evidence(data: Mapping[str, Any]) -> bool:
    """Whether the tables of a file are those of published evidence rather than of a scenario."""
    marks = ("figures", "citation", "model")
    return "arms" not in data and sum(key in data for key in marks) >= 2


def tables_of(data: Mapping[str, Any]) -> Tables:
    """Take tables made in Python, of the same form as a file's.

    Raises
    ------
    ScenarioError
        If it is no mapping.
    """
    if not isinstance(data, Mapping):
        raise ScenarioError([Problem("", "must be a mapping of tables", toml_text(data))])
    return Tables(data, Places(), [])


def raise_findings(reading: Reading, places: Places, problems: Sequence[Problem]) -> None:
    """Raise what was found and the problems beside it, in the order of the file, if any.

    Raises
    ------
    ScenarioError
        With the findings as problems, each with its place, and then ``problems``.
    """
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


def _read_text(name: str, kind: str) -> str:
    """Read the text of a file, or a single problem that says why there is none."""
    file = FilePath(name)
    try:
        if file.is_dir():
            article = "an" if kind[0] in "aeiou" else "a"
            raise _refused(name, f"is a folder, not {article} {kind} file")
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _refused(name, "there is no such file") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise _refused(name, f"cannot be read ({reason or error})") from None
    if len(content) > MAX_BYTES:
        raise _refused(name, f"must be at most 1 MiB: it is no {kind} file")
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
