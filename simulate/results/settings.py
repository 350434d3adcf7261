"""Where two scenarios differ: a flat list of settings."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, NamedTuple

from simulate.scenario.hashes import NOT_HASHED, UNORDERED
from simulate.scenario.reading import Path, path_text

# What a scenario says for its readers and not for the simulation.
WORDS = NOT_HASHED | {"title", "purpose"}
SELECTOR = "stratum"


class Setting(NamedTuple):
    """A value that differs between scenarios A and B.

    Attributes
    ----------
    path : str
        Dotted, with positions in arrays as numbers from 0.
    a, b : plain data
        The two values; None where there is none. If the path names a table, its keys stand in
        another order, which these give.
    """

    path: str
    a: Any
    b: Any


def settings_that_differ(a: dict[str, Any], b: dict[str, Any]) -> list[Setting]:
    """Compare two resolved scenarios as plain data.

    Parameters
    ----------
    a, b : dict
        Scenarios as a manifest holds them.

    Returns
    -------
    list of Setting
        In the order of A. Titles, purposes, labels, sources, statuses, and how much is simulated
        are left out.
    """
    return list(_differences(_simulated(a), _simulated(b), ()))


def _simulated(scenario: dict[str, Any]) -> dict[str, Any]:
    """Leave out how much is simulated, but for the number of truths, and what is not."""
    members = {k: v for k, v in scenario.get("simulation", {}).items() if k == "members"}
    kept = {k: v for k, v in scenario.items() if k not in {"plug_in", "study"}}
    return kept | {"simulation": members}


def _differences(a: Any, b: Any, path: Path) -> Iterator[Setting]:
    """Settings below a path; what is absent is None."""
    if _both(dict, a, b):
        a, b = a or {}, b or {}
        if _order_differs(a, b, path):
            yield Setting(path_text(path), list(a), list(b))
        for key in dict.fromkeys((*a, *b)):
            values = (a.get(key), b.get(key))
            if not _is_words(key, values, path):
                yield from _differences(*values, (*path, key))
    elif _both(list, a, b) and any(isinstance(item, dict) for item in (*(a or ()), *(b or ()))):
        for place, items in enumerate(zip_longest(a or (), b or ())):
            yield from _differences(*items, (*path, place))
    elif a != b:
        yield Setting(path_text(path), a, b)


def _both(kind: type, a: Any, b: Any) -> bool:
    """Both are of a kind, or one is and the other is absent."""
    return all(isinstance(value, kind | None) for value in (a, b)) and (a, b) != (None, None)


def _is_words(key: str, values: tuple[Any, Any], path: Path) -> bool:
    """A key of a table that is there for readers; in a selector it may name a factor."""
    are_text = all(isinstance(value, str | None) for value in values)
    return key in WORDS and are_text and path[-1:] != (SELECTOR,)


def _order_differs(a: dict[str, Any], b: dict[str, Any], path: Path) -> bool:
    """The keys that both have stand in another order, and that means something."""
    shared = ([key for key in a if key in b], [key for key in b if key in a])
    return shared[0] != shared[1] and path[-1:] not in {(key,) for key in UNORDERED}
