"""Everything that arithmetic can say against an evidence file."""

from __future__ import annotations

from collections.abc import Iterator

from simulate.calibration.check_counts import check_counts
from simulate.calibration.check_curves import check_curves
from simulate.calibration.check_model import check_model
from simulate.calibration.check_times import check_times
from simulate.calibration.evidence import Evidence
from simulate.scenario.reading import Finding


def check_evidence(evidence: Evidence) -> Iterator[Finding]:
    """Check what spans tables and figures; what is possible but implausible passes.

    Parameters
    ----------
    evidence : Evidence
        Evidence whose tables are sound, each by itself.

    Yields
    ------
    Finding
        What is missing or contradicts something else, with the arithmetic.
    """
    wrong = [*check_model(evidence), *check_counts(evidence), *check_times(evidence)]
    yield from wrong
    # Curves are made of counts and times: wrong ones would be repeated.
    if not wrong:
        yield from check_curves(evidence)
