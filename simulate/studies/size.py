"""What a search for a size gives back."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from simulate.engine.philox import STREAM_VERSION
from simulate.results.plain import or_null
from simulate.results.result import PACKAGES
from simulate.scenario.hashes import data_hash, design_hash
from simulate.scenario.models import Scenario
from simulate.studies.closed import ClosedForm, closed_power
from simulate.studies.levers import Lever
from simulate.studies.search import LEVEL, Found, Goal, Point

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
        """Smallest whole value (or largest hazard ratio) with the power; None if none was found."""
        return self.found.value

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """95% interval of the value; None for an end that lies beyond the range."""
        return tuple(self.found.interval)

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
        rows = []
        for point in self.points:
            closed = closed_power(self.lever, point.value)
            month = point.counts.month.mean()
            rows.append(
                {
                    self.lever.over: int(point.value) if self.lever.is_whole else point.value,
                    "power": point.power.value,
                    "mcse": point.power.mcse,
                    "n_trials": point.power.n_trials,
                    "closed_form": None if closed is None else closed.value,
                    "look_time_mean": or_null(month.value),
                    "look_time_mcse": or_null(month.mcse),
                    "target_not_reached": point.counts.short.estimate().value,
                }
            )
        return rows

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
            "range": [self.goal.low, self.goal.high],
            "precision": self.goal.precision,
            "value": self.value,
            "interval": list(self.found.interval),
            "level": LEVEL,
            "reason": self.reason,
            "is_uneven": self.found.is_uneven,
            "closed_form": None if form is None else form._asdict(),
            "n_trials": self.n_trials,
            "seed": self.seed,
            "stream_version": STREAM_VERSION,
            "packages": {name: version(name) for name in PACKAGES},
            "data_hash": data_hash(scenario),
            "design_hash": design_hash(scenario),
            "curve": self.curve,
        }
