"""What a search for a size gives back."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from simulate.engine.philox import STREAM_VERSION
from simulate.results.result import PACKAGES
from simulate.scenario.hashes import data_hash, design_hash
from simulate.scenario.models import Scenario
from simulate.studies.closed import ClosedForm
from simulate.studies.curve import Point, curve_rows
from simulate.studies.levers import Lever
from simulate.studies.points import Found, Goal
from simulate.studies.search import LEVEL

if TYPE_CHECKING:
    import pandas as pd

JSON_VERSION = 1


@dataclass(frozen=True)
class Size:
    """The value of a figure at which a trial has a power, found by simulation.

    Attributes
    ----------
    lever : Lever
        What was varied: the scenario, the hypothesis, the paths that were set.
    goal : Goal
        The power, the range and the precision.
    found : Found
        The answer with its interval, or why there is none.
    points : tuple of Point
        Every value that was looked at, in order.
    closed_form : ClosedForm or None
        The answer of a closed form, and whose it is.
    seed : int
        Of all trials: each point has some of its own.
    """

    lever: Lever
    goal: Goal
    found: Found
    points: tuple[Point, ...]
    closed_form: ClosedForm | None
    seed: int

    @property
    def value(self) -> float | None:
        """Smallest number (or largest hazard ratio) with the power; None if none was found."""
        return _plain(self.lever, self.found.value)

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """95% interval of the value; None for an end that lies beyond the range."""
        low, high = self.found.interval
        return _plain(self.lever, low), _plain(self.lever, high)

    @property
    def reason(self) -> str:
        """Why there is no value, or what is to be known of it; empty if all is well."""
        return self.found.reason

    @property
    def n_trials(self) -> int:
        """Trials that the search took."""
        return sum(point.power.n_trials for point in self.points)

    @property
    def scenario(self) -> Scenario | None:
        """The scenario with the value, to be run; None without one."""
        return None if self.value is None else self.lever.at(self.value)

    @property
    def curve(self) -> list[dict[str, Any]]:
        """Every value looked at, its power with its Monte Carlo standard error, and more."""
        return curve_rows(self.lever, self.points)

    def to_pandas(self) -> pd.DataFrame:
        """Return the curve as a data frame; needs the extra ``pandas``.

        Raises
        ------
        ModuleNotFoundError
            If pandas is not installed.
        """
        import pandas as pd  # noqa: PLC0415 - optional

        return pd.DataFrame(self.curve)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data for ``json.dumps``; docs/json-output.md describes it."""
        scenario = self.lever.scenario
        form = self.closed_form
        return {
            "format": "simulate-size",
            "format_version": JSON_VERSION,
            "title": scenario.title,
            "hypothesis": self.lever.hypothesis,
            "over": self.lever.over,
            "paths": list(self.lever.paths),
            "scaled": self.lever.scaled,
            "power": self.goal.power,
            "range": [_plain(self.lever, end) for end in (self.goal.low, self.goal.high)],
            "precision": self.goal.precision,
            "value": self.value,
            "interval": list(self.interval),
            "level": LEVEL,
            "reason": self.reason,
            "is_uneven": self.found.is_uneven,
            "levels_off": self.found.levels_off,
            "closed_form": None if form is None else form._asdict(),
            "n_trials": self.n_trials,
            "seed": self.seed,
            "stream_version": STREAM_VERSION,
            "packages": {name: version(name) for name in PACKAGES},
            "data_hash": data_hash(scenario),
            "design_hash": design_hash(scenario),
            "curve": self.curve,
        }


def _plain(lever: Lever, value: float | None) -> float | None:
    """A value; a whole one as such."""
    return int(value) if lever.is_whole and value is not None else value
