"""Contradictions of published times: outside the follow-up, or out of order."""

from __future__ import annotations

from collections.abc import Iterator

from simulate.calibration.counts import SLACK
from simulate.calibration.curves import first_response
from simulate.calibration.evidence import Evidence
from simulate.calibration.figures import (
    DURATION,
    TIME_TO_RESPONSE,
    AnyFigure,
    Median,
    Proportion,
    Range,
)
from simulate.scenario.reading import Finding, Path


def check_times(evidence: Evidence) -> Iterator[Finding]:
    """Check that what was seen was seen within the follow-up, and responses within their range.

    Parameters
    ----------
    evidence : Evidence
        Evidence whose tables are sound.

    Yields
    ------
    Finding
        What cannot be, with the arithmetic.
    """
    longest = evidence.follow_up.longest_possible
    for name, figure in evidence.figures.items():
        # A duration begins with the response.
        first = first_response(evidence) if figure.endpoint == DURATION else 0.0
        for path, month, half in _times(figure):
            if first + month - half > longest + SLACK:
                rule = f"must be within the follow-up, whose longest is {longest:g} months"
                if first > 0.0:
                    rule += f", and nobody responded before month {first:g}"
                yield Finding(("figures", name, *path), rule)
    yield from _check_median_response(evidence)


def _times(figure: AnyFigure) -> Iterator[tuple[Path, float, float]]:
    """Every month of a figure: where it stands, and half a unit of its last decimal."""
    if isinstance(figure, Proportion):
        return
    if isinstance(figure, Median):
        given: list[tuple[Path, float | str]] = [(("months",), figure.months)]
        limits = figure.interval_months or ()
        given += [(("interval_months", i), limit) for i, limit in enumerate(limits)]
        for path, month in given:
            if not isinstance(month, str):
                yield path, float(month), figure.half_unit(month)
    elif isinstance(figure, Range):
        for i, month in enumerate(figure.months):
            yield ("months", i), float(month), figure.half_unit(month)
    else:
        # The month was chosen, not observed: it is not rounded.
        yield ("at_months",), float(figure.at_months), 0.0


def _check_median_response(evidence: Evidence) -> Iterator[Finding]:
    used = evidence.used
    ranges = {name: f for name, f in used.items() if isinstance(f, Range)}
    for name, figure in used.items():
        if not isinstance(figure, Median) or figure.endpoint != TIME_TO_RESPONSE:
            continue
        if isinstance(figure.months, str):
            rule = "must be a number: it is the median of the responders' times"
            yield Finding(("figures", name, "months"), rule)
            continue
        for other, bounds in ranges.items():
            slack = [bounds.half_unit(m) + figure.half_unit(figure.months) for m in bounds.months]
            least, greatest = bounds.months
            if not least - slack[0] <= figure.months <= greatest + slack[1]:
                rule = f"must be within the range of figures.{other}, {least} to {greatest}"
                path = ("figures", name, "months")
                yield Finding(path, rule, anchors=(("figures", other, "months"),))
