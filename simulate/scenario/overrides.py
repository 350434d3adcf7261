"""Values set on the command line, ``path=value``, over those of a scenario file."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from typing import Any

from simulate.errors import Problem
from simulate.scenario.reading import Path, PlainTable, path_text, printable


def apply_overrides(
    data: PlainTable, overrides: Sequence[str]
) -> tuple[dict[Path, str], list[Problem]]:
    """Set values in the data of a scenario file, in place.

    Parameters
    ----------
    data : dict
        The data of the file, as the TOML reader gives it.
    overrides : sequence of str
        ``path=value`` each. The path is dotted, as in messages, with positions in arrays as
        numbers; the value is a TOML value, or else text without quotes.

    Returns
    -------
    written : dict of Path to str
        The option that set each path, ``--set path=value``.
    problems : list of Problem
        The overrides that could not be applied.
    """
    written: dict[Path, str] = {}
    problems = []
    for override in overrides:
        option = f"--set {printable(override)}"
        text, sign, value = override.partition("=")
        parts = [part.strip() for part in text.split(".")]
        if not sign or not all(parts):
            problems.append(
                Problem("", "must be path=value, such as accrual.patients=200", "", "", option)
            )
            continue
        path, rule = set_value(data, parts, _value(value.strip()))
        if rule:
            problems.append(Problem(path_text(path), rule, where=option))
        else:
            written[path] = option
    return written, problems


def _value(text: str) -> Any:
    """Read a TOML value, or the text itself."""
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    # Text with a line end could hold further keys; it is no value then.
    return parsed["value"] if len(parsed) == 1 else text


def set_value(data: PlainTable, parts: Sequence[str], value: Any) -> tuple[Path, str]:
    """Set one value in tables, in place.

    Parameters
    ----------
    data : dict
        The tables; those that lead to the value are made where they are missing.
    parts : sequence of str
        The path's parts; positions in arrays as text.
    value : object
        What to set.

    Returns
    -------
    path : Path
        The path reached.
    rule : str
        The rule broken if it cannot be set; empty if it was.
    """
    table: Any = data
    path: Path = ()
    for i, part in enumerate(parts):
        is_last = i == len(parts) - 1
        if isinstance(table, dict):
            key: str | int = part
            if not is_last:
                table.setdefault(part, {})
        elif isinstance(table, list):
            if not (part.isdecimal() and part.isascii() and int(part) < len(table)):
                return path, f"has no element {part}; it has {len(table)}, counted from 0"
            key = int(part)
        else:
            return path, f"is not a table: nothing named '{part}' can be set in it"
        path = (*path, key)
        if is_last:
            table[key] = value
        else:
            table = table[key]
    return path, ""
