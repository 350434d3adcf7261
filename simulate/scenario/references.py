"""Checks of the names by which one table refers to another."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from simulate.scenario.models import Factor
from simulate.scenario.reading import Finding, Path, did_you_mean, quoted


def check_name(
    name: str, known: Collection[str] | None, kind: str, path: Path
) -> Iterator[Finding]:
    """Check that a name is known.

    Parameters
    ----------
    name : str
        The name given.
    known : collection of str or None
        The names there are; None if that cannot be told, and then nothing is wrong.
    kind : str
        What is named, with its article: ``an arm``.
    path : Path
        Where the name is given.
    """
    if known is not None and name not in known:
        there_are = quoted(known) or "there are none"
        rule = f"must name {kind} of this scenario ({there_are})"
        yield Finding(path, rule, remedy=did_you_mean(name, known))


def check_distinct(names: Collection[str], path: Path) -> Iterator[Finding]:
    """Check that no name is given twice in an array."""
    seen: set[str] = set()
    for i, name in enumerate(names):
        if name in seen:
            yield Finding((*path, i), "must not be named twice")
        seen.add(name)


def check_selector(
    stratum: Mapping[str, str], strata: Mapping[str, Factor | None] | None, path: Path
) -> Iterator[Finding]:
    """Check that a stratum names factors and levels that exist.

    Parameters
    ----------
    stratum : mapping of str to str
        Level by factor.
    strata : mapping of str to Factor or None
        The factors; None where they, or one of them, cannot be told.
    path : Path
        Where the stratum is given.
    """
    if strata is None:
        return
    for name, level in stratum.items():
        if name not in strata:
            there_are = quoted(strata) or "there are none"
            rule = f"must be a factor of [strata] ({there_are})"
            yield Finding((*path, name), rule, f"'{name}'", did_you_mean(name, strata))
            continue
        factor = strata[name]
        if factor is not None and level not in factor.prevalences:
            levels = factor.prevalences
            rule = f"must be a level of the factor '{name}' ({quoted(levels)})"
            yield Finding((*path, name), rule, remedy=did_you_mean(level, levels))
