"""Whole numbers of patients behind published percentages, fixed by rounding and exact intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from simulate.calibration.evidence import Evidence
from simulate.calibration.figures import (
    DISEASE_CONTROL,
    DURATION,
    RESPONSE,
    AnyFigure,
    Proportion,
    ShareEventFree,
    WithCount,
)
from simulate.design.proportions import clopper_pearson

# Of a percentage: what binary fractions may add to a value that lies just between two decimals.
SLACK = 1e-9


class Count(NamedTuple):
    """A number of patients of another."""

    n: int
    of: int


def counts_of_rounding(figure: WithCount, denominator: int) -> list[int]:
    """Counts whose percentage rounds to the published one, and are the published count if any.

    Parameters
    ----------
    figure : WithCount
        A percentage of patients.
    denominator : int
        Of how many, at least 1.

    Returns
    -------
    list of int
        In increasing order; none if no whole number gives the percentage.
    """
    half = figure.half_unit(figure.percent) + SLACK
    least = math.ceil((figure.percent - half) * denominator / 100.0)
    most = math.floor((figure.percent + half) * denominator / 100.0)
    counts = range(max(0, least), min(denominator, most) + 1)
    return [count for count in counts if figure.count in {None, count}]


def counts_of_interval(figure: WithCount, counts: list[int], denominator: int) -> list[int]:
    """Those of some counts whose exact interval rounds to the published one.

    Parameters
    ----------
    figure : WithCount
        A percentage; without an interval, or with one that is not known to be exact, all counts
        remain.
    counts : list of int
        Counts, each at most ``denominator``.
    denominator : int
        Of how many.

    Returns
    -------
    list of int
        In increasing order.
    """
    if figure.interval_percent is None or not has_exact_interval(figure) or not counts:
        return counts
    limits = clopper_pearson(counts, denominator, figure.level)
    kept = []
    for count, *exact in zip(counts, *limits, strict=True):
        pairs = zip(exact, figure.interval_percent, strict=True)
        if all(abs(100.0 * a - b) <= figure.half_unit(b) + SLACK for a, b in pairs):
            kept.append(count)
    return kept


def has_exact_interval(figure: WithCount) -> bool:
    """Whether the file says that the interval is that of Clopper and Pearson, for a plain share."""
    is_plain = not isinstance(figure, ShareEventFree) or figure.method == "raw"
    return is_plain and figure.interval_method == "clopper_pearson"


def denominators(figure: WithCount, evidence: Evidence) -> tuple[int, ...]:
    """Of how many patients a percentage can be: stated, all, or the possible responders.

    Parameters
    ----------
    figure : Proportion or ShareEventFree
        One of the evidence's.
    evidence : Evidence
        Evidence with its figures.

    Returns
    -------
    tuple of int
        One number; several where it is of the responders and their number is not fixed; none where
        nothing is published of it.
    """
    assert isinstance(figure, Proportion | ShareEventFree)
    if figure.denominator is not None:
        return (figure.denominator,)
    if isinstance(figure, ShareEventFree) and figure.endpoint == DURATION:
        return responders(evidence)
    return (evidence.trial.patients,)


def possible_counts(figure: WithCount, evidence: Evidence) -> tuple[Count, ...]:
    """All counts that a published percentage and its interval leave.

    Parameters
    ----------
    figure : Proportion or ShareEventFree
        One of the evidence's; of a Kaplan-Meier estimate there are none.
    evidence : Evidence
        Evidence with its figures.

    Returns
    -------
    tuple of Count
        One where the count is fixed.
    """
    if isinstance(figure, ShareEventFree) and figure.method != "raw":
        return ()
    return tuple(
        Count(count, n)
        for n in denominators(figure, evidence)
        for count in counts_of_interval(figure, counts_of_rounding(figure, n), n)
    )


def figure_of(figures: Iterable[AnyFigure], endpoint: str) -> Proportion | None:
    """First proportion of an endpoint among figures, None if there is none."""
    found = (f for f in figures if isinstance(f, Proportion) and f.endpoint == endpoint)
    return next(found, None)


def responders(evidence: Evidence) -> tuple[int, ...]:
    """Possible numbers of responders by the response rate in use; none if it is not published."""
    figure = figure_of(evidence.used.values(), RESPONSE)
    return () if figure is None else tuple(c.n for c in possible_counts(figure, evidence))


def controlled(evidence: Evidence) -> tuple[int, ...]:
    """Possible numbers of patients with disease control, likewise."""
    figure = figure_of(evidence.used.values(), DISEASE_CONTROL)
    return () if figure is None else tuple(c.n for c in possible_counts(figure, evidence))
