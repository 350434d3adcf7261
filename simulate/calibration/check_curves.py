"""Contradictions between survival curves, and between them and responses."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from simulate.calibration.curves import (
    OS,
    PFS,
    Bound,
    lower_bounds,
    responders_bounds,
    upper_bounds,
)
from simulate.calibration.evidence import Evidence
from simulate.calibration.figures import DURATION
from simulate.scenario.reading import Finding

# Standard errors of what censoring adds, by which two curves of a trial may cross.
TOLERANCE = 3.0
_ROUNDING = 1e-9


def check_curves(evidence: Evidence) -> Iterator[Finding]:
    """Check that curves fall, PFS below OS and above what responders alone keep.

    One curve's figures are of the same patients: they are compared as they stand, but for rounding,
    and so are plain counts. Two curves (PFS and OS, PFS and the durations of response) are of the
    same patients, too, but censored at different times: an estimate may exceed the other by three
    standard errors of what censoring adds to both (`curves.censoring_variance`).

    Parameters
    ----------
    evidence : Evidence
        Evidence whose percentages are sound.

    Yields
    ------
    Finding
        What cannot be, with the arithmetic.
    """
    for endpoint in (PFS, OS, DURATION):
        lower, upper = lower_bounds(evidence, endpoint), upper_bounds(evidence, endpoint)
        yield from _crossed(lower, upper, 0.0, "a survival curve never rises")
    pfs, os = list(upper_bounds(evidence, PFS)), list(upper_bounds(evidence, OS))
    responders = list(responders_bounds(evidence))
    rule = "who is in response is progression-free"
    yield from _crossed(responders, pfs, TOLERANCE, rule)
    rule = "who is progression-free is alive"
    yield from _crossed([*lower_bounds(evidence, PFS), *responders], os, TOLERANCE, rule)


def _crossed(
    lower: Iterable[Bound], upper: Iterable[Bound], errors: float, rule: str
) -> Iterator[Finding]:
    """Pairs of a lower bound above an upper bound at the same month."""
    highs = list(upper)
    for low in lower:
        for high in highs:
            if high.month > low.month or low.figure == high.figure:
                continue
            # A count of the same patients has no sampling error against their curve.
            exact = errors == 0.0 or low.variance == 0.0
            allowed = 0.0 if exact else errors * math.sqrt(low.variance + high.variance)
            if low.share <= high.share + allowed + _ROUNDING:
                continue
            beyond = (
                f": {low.share - high.share:.2g} more, and {errors:g} standard errors are "
                f"{allowed:.2g}"
                if allowed > 0.0
                else ""
            )
            said = f"contradicts figures.{low.figure}: {rule}; here {high.words}, there {low.words}"
            path, other = ("figures", high.figure), ("figures", low.figure)
            yield Finding(path, said + beyond, "", "", (other,))
