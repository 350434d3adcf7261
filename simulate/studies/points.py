"""What is searched for, the points a search looks at, and what it has found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

from simulate.results.keep import Rejections
from simulate.studies.curve import Point
from simulate.studies.fit import ProbitLine
from simulate.studies.scale import Scale

# Trials of a first look at a value.
PILOT_TRIALS = 2_000
# How many standard errors make sure of a power being below or above the target.
SURE = 4.0


class Goal(NamedTuple):
    """What is searched for.

    Attributes
    ----------
    power : float
        Power to be reached.
    low, high : float
        Range of values.
    precision : float
        The search ends once the half-width of the interval is at most this share of the answer.
    """

    power: float
    low: float
    high: float
    precision: float

    @property
    def probit(self) -> float:
        """Probit of the power."""
        return NormalDist().inv_cdf(self.power)


class Interval(NamedTuple):
    """Values between which the answer lies; None where the trials do not bound it."""

    low: float | None
    high: float | None


@dataclass(frozen=True)
class Found:
    """What a search has found.

    Attributes
    ----------
    value : float or None
        The answer, or None.
    interval : Interval
        Its 95% interval.
    reason : str
        Why there is no answer, or what is to be known of it; empty if all is well.
    is_uneven : bool
        Whether the points lie further from a smooth curve than chance explains.
    levels_off : bool
        Whether the power hardly rises any more at the answer. Then, or where the points are uneven,
        the answer and its interval rest on nothing but that power does not fall.
    line : ProbitLine or None
        The fitted line.
    scale : Scale or None
        From coordinates of the lever to those of the line.
    """

    value: float | None
    interval: Interval
    reason: str = ""
    is_uneven: bool = False
    levels_off: bool = False
    line: ProbitLine | None = None
    scale: Scale | None = None


class Points:
    """The points of a search, by their values.

    Parameters
    ----------
    simulate : callable
        Given numbers of trials by value, gives the counts of so many new trials of each.
    most_trials : int
        Trials that may be spent in all.
    n_truths : int
        Trials of a value come in multiples of this, so that each truth has as many.
    """

    def __init__(
        self,
        simulate: Callable[[Mapping[float, int]], dict[float, Rejections]],
        most_trials: int,
        n_truths: int = 1,
    ) -> None:
        self._simulate = simulate
        self._n_truths = n_truths
        self._counts: dict[float, Rejections] = {}
        self.most_trials = most_trials

    def add(self, trials: Mapping[float, int]) -> None:
        """Simulate new trials at values, as far as there are any left to spend."""
        left = self.most_trials - self.n_trials
        wanted = sum(self._whole(n) for n in trials.values())
        if wanted > left:
            trials = {value: n * left // wanted for value, n in trials.items()}
        else:
            trials = {value: self._whole(n) for value, n in trials.items()}
        trials = {value: n - n % self._n_truths for value, n in trials.items()}
        trials = {value: n for value, n in trials.items() if n > 0}
        if not trials:
            self.most_trials = self.n_trials
            return
        for value, counts in self._simulate(trials).items():
            known = self._counts.get(value)
            self._counts[value] = counts if known is None else known.combined(counts)

    def _whole(self, n: int) -> int:
        """At least so many trials, as many of each truth."""
        return -(-n // self._n_truths) * self._n_truths

    def __getitem__(self, value: float) -> Point:
        return Point(value, self._counts[value])

    def __contains__(self, value: float) -> bool:
        return value in self._counts

    def in_order(self) -> list[Point]:
        """All points by their values."""
        return [self[value] for value in sorted(self._counts)]

    @property
    def n_trials(self) -> int:
        """Trials spent."""
        return sum(counts.rejected.n_trials for counts in self._counts.values())

    @property
    def is_spent(self) -> bool:
        """Whether too few trials are left to look at another value."""
        return self.most_trials - self.n_trials < PILOT_TRIALS // 2
