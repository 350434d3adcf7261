"""What is noticed while a scenario is read, kept so that all of it is reported together."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, time
from typing import Any, NamedTuple

import numpy as np
from pydantic.fields import FieldInfo

Path = tuple[str | int, ...]
PlainTable = dict[str, Any]

# Deeper than any scenario needs; beyond it a file is a mistake, and recursion would fail.
MAX_DEPTH = 40
UNKNOWN_KEY = "unknown key"
_LONGEST_GIVEN = 60
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class Finding(NamedTuple):
    """One thing wrong at a path of a scenario, before it is known where that path was written.

    Attributes
    ----------
    path : tuple of str and int
        Keys and positions in arrays that lead to the value.
    rule : str
        What must hold.
    given : str or None
        What was found; None stands for the value at the path, if there is one.
    remedy : str
        What to do about it.
    anchors : tuple of Path
        Other paths that may have caused it: an override of one of them is named as the place.
    """

    path: Path
    rule: str
    given: str | None = None
    remedy: str = ""
    anchors: tuple[Path, ...] = ()


def closest(name: object, options: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Find the option that ``name`` most resembles, or None if none does by ``cutoff`` of 1."""
    if not isinstance(name, str):
        return None
    return next(iter(difflib.get_close_matches(name, list(options), n=1, cutoff=cutoff)), None)


def did_you_mean(name: object, options: Iterable[str]) -> str:
    """Write a remedy that offers the closest option; empty when nothing is close."""
    option = closest(name, options)
    return "" if option is None else f"did you mean '{option}'?"


def printable(text: str) -> str:
    """Escape what would break a line or what no terminal can show."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def shortened(text: str) -> str:
    """Cut a text to 60 characters."""
    return text if len(text) <= _LONGEST_GIVEN else text[: _LONGEST_GIVEN - 1] + "…"


def quoted(names: Iterable[str]) -> str:
    """Names for a message: ``'a', 'b'``."""
    return ", ".join(f"'{name[:_LONGEST_GIVEN]}'" for name in names)


def path_text(path: Path) -> str:
    """Write a path as users write it: dotted, with quotes only where TOML needs them."""
    parts = (str(part) for part in path)
    return ".".join(
        part if _BARE_KEY.fullmatch(part) else printable(json.dumps(part, ensure_ascii=False))
        for part in parts
    )


def toml_text(value: object) -> str:
    """Write a value in the notation of a TOML file, cut to 60 characters."""
    return shortened(printable(_toml_text(value)))


def _toml_text(value: object) -> str:
    match value:
        case bool():
            text = "true" if value else "false"
        case int():
            # Python refuses to print an integer of thousands of digits.
            bits = value.bit_length()
            text = str(value) if bits <= 64 else f"an integer of {bits} bits"
        case float():
            text = repr(value)
        case str():
            text = json.dumps(value[: 2 * _LONGEST_GIVEN], ensure_ascii=False)
        case date() | time():
            text = value.isoformat()
        case dict():
            pairs = (f"{path_text((key,))} = {_toml_text(item)}" for key, item in value.items())
            text = "{ " + ", ".join(pairs) + " }" if value else "{}"
        case list() | tuple():
            text = "[" + ", ".join(map(_toml_text, value)) + "]"
        case _:
            text = f"a {type(value).__name__}"
    return text


def _is_unicode(text: str) -> bool:
    """Whether a text has no lone half of a surrogate pair, as from a command line in no UTF-8."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _are_tables(*values: Any) -> bool:
    return all(isinstance(value, dict) for value in values)


class Reading:
    """The record of one scenario being read: its own copy of the data, and what is wrong with it.

    Parameters
    ----------
    data : mapping
        The scenario as plain tables, arrays and values; it is copied, not kept.

    Attributes
    ----------
    data : dict
        The copy: mappings as dicts without their None values, arrays as tuples.
    findings : list of Finding
        Everything noticed so far, in the order noticed.
    fields : dict of Path to mapping of str to FieldInfo
        The keys that each table read so far may have.
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.findings: list[Finding] = []
        self._added: set[tuple[Path, str]] = set()
        self.fields: dict[Path, Mapping[str, FieldInfo]] = {}
        self._paths: dict[int, Path] = {}
        self._renamed: dict[Path, Path] = {}
        # Kept, so that no later table has the identity of one of these.
        self._merged: list[PlainTable] = []
        self.data: PlainTable = self._copy(data, ())

    def _copy(self, value: Any, path: Path) -> Any:
        if len(path) > MAX_DEPTH:
            self.add(Finding(path[:3], f"must not be nested deeper than {MAX_DEPTH} levels", ""))
            return None
        if isinstance(value, Mapping):
            table: PlainTable = {}
            for key, item in value.items():
                if not isinstance(key, str) or not _is_unicode(key):
                    self.add(Finding(path, "must have text as its keys", toml_text(key)))
                elif item is not None:
                    table[key] = self._copy(item, (*path, key))
            # A table is recognised by its identity, since a validator is not told where it stands.
            self._paths[id(table)] = path
            return table
        if isinstance(value, np.ndarray):
            value = value.tolist()
        if isinstance(value, list | tuple):
            return tuple(self._copy(item, (*path, i)) for i, item in enumerate(value))
        if isinstance(value, str) and not _is_unicode(value):
            self.add(Finding(path, "must be valid Unicode text", toml_text(value)))
            return ""
        return value.item() if isinstance(value, np.generic) else value

    def add(self, finding: Finding) -> None:
        """Record a finding, once, under the keys that the user wrote."""
        finding = finding._replace(path=self.as_written(finding.path))
        if (finding.path, finding.rule) not in self._added:
            self._added.add((finding.path, finding.rule))
            self.findings.append(finding)

    def as_written(self, path: Path) -> Path:
        """Put the keys that the user wrote into a path of known keys."""
        for n in range(1, len(path) + 1):
            if path[:n] in self._renamed:
                path = self._renamed[path[:n]] + path[n:]
        return path

    def path_of(self, table: PlainTable) -> Path:
        """Where a table of the copied data stands."""
        return self._paths[id(table)]

    def known_keys(self, table: PlainTable, known: Iterable[str]) -> PlainTable:
        """Report the unknown keys of a table and return it without them.

        A key that resembles a known one that is missing is taken for it, so that one slip of the
        pen gives one problem and not a missing key as well.
        """
        path = self.path_of(table)
        names = tuple(known)
        result = {key: item for key, item in table.items() if key in names}
        for key, item in table.items():
            if key in names:
                continue
            # A table may be there and yet be meant: only one of its headers is misspelt then.
            absent = [n for n in names if n not in result or _are_tables(item, result[n])]
            # Nearest to a key that is there, it is that one misspelt (by --set, say), and no other.
            meant = closest(key, names)
            meant = meant if meant in absent else None
            remedy = (
                f"known keys: {', '.join(names)}" if meant is None else f"did you mean '{meant}'?"
            )
            self.add(Finding((*path, key), UNKNOWN_KEY, toml_text(item), remedy))
            if meant is not None:
                result[meant] = self._taken(result.get(meant), item, (*path, meant), (*path, key))
        return result

    def _taken(self, known: Any, item: Any, path: Path, written: Path) -> Any:
        """Take a value at ``written`` for the one at ``path``; two tables are put together."""
        if not _are_tables(item, known):
            self._renamed[path] = written
            return item
        merged = dict(known)
        for key, inner in item.items():
            if key not in known or _are_tables(inner, known[key]):
                merged[key] = self._taken(known.get(key), inner, (*path, key), (*written, key))
        self._paths[id(merged)] = path
        self._merged.append(merged)
        return merged

    def value_at(self, path: Path) -> str:
        """Write the value at a path as TOML; empty when there is none."""
        value: Any = self.data
        for part in path:
            if isinstance(value, dict) and part in value:
                value = value[str(part)]
            elif isinstance(value, tuple) and isinstance(part, int) and part < len(value):
                value = value[part]
            else:
                return ""
        return toml_text(value)
