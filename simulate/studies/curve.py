"""A curve of power over one figure of a trial."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, NamedTuple

from simulate.engine.philox import STREAM_VERSION
from simulate.results.estimates import Estimate
from simulate.results.keep import Rejections
from simulate.results.members import spread_of
from simulate.results.plain import or_null
from simulate.results.result import PACKAGES
from simulate.runner.pack.members import member_strata
from simulate.scenario.comparisons import critical_values
from simulate.scenario.effects import null_holds
from simulate.scenario.hashes import data_hash, design_hash
from simulate.scenario.looks import Analysis
from simulate.scenario.models import Scenario, Stopping
from simulate.studies.closed import closed_power
from simulate.studies.levers import EVENTS, FOLLOW_UP, Lever

if TYPE_CHECKING:
    import pandas as pd

JSON_VERSION = 1
# A scenario has no more looks.
MOST_VALUES = 64


class Point(NamedTuple):
    """A value of the varied figure, and what the trials with it gave.

    Attributes
    ----------
    value : float
        The figure.
    counts : Rejections
        Of all its trials.
    """

    value: float
    counts: Rejections

    @property
    def power(self) -> Estimate:
        """Share of the trials that reject, with the error that it has given the truths."""
        return self.counts.rejected.estimate()


@dataclass(frozen=True)
class Curve:
    """Power over one figure of a trial.

    Attributes
    ----------
    lever : Lever
        What was varied: the scenario, the hypothesis, the paths that were set.
    points : tuple of Point
        A value each, in order.
    is_nested : bool
        Whether all values are looks at the same trials; else each has a run of its own, with the
        same seed.
    """

    lever: Lever
    points: tuple[Point, ...]
    is_nested: bool

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A dictionary a value: the value, its power with its Monte Carlo error, and more."""
        return curve_rows(self.lever, self.points, self.powers)

    @property
    def powers(self) -> list[Estimate]:
        """Power at each value; over several truths, with the error of both parts."""
        strata = tuple(member_strata(self.lever.scenario).values())
        return [
            point.power
            if point.counts.by_member is None
            else spread_of(point.counts.by_member, strata).estimate
            for point in self.points
        ]

    def to_pandas(self) -> pd.DataFrame:
        """Return the rows as a data frame; needs the extra ``pandas``.

        Raises
        ------
        ModuleNotFoundError
            If pandas is not installed.
        """
        import pandas as pd  # noqa: PLC0415 - optional

        return pd.DataFrame(self.rows)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data for ``json.dumps``; docs/json-output.md describes it."""
        scenario = self.lever.scenario
        return {
            "format": "simulate-curve",
            "format_version": JSON_VERSION,
            "title": scenario.title,
            "hypothesis": self.lever.hypothesis,
            "over": self.lever.over,
            "paths": list(self.lever.paths),
            "scaled": self.lever.scaled,
            "is_nested": self.is_nested,
            "trials": scenario.simulation.trials,
            "seed": scenario.simulation.seed,
            "stream_version": STREAM_VERSION,
            "packages": {name: version(name) for name in PACKAGES},
            "data_hash": data_hash(scenario),
            "design_hash": design_hash(scenario),
            "rows": self.rows,
        }


def curve_rows(
    lever: Lever, points: Iterable[Point], powers: Sequence[Estimate] | None = None
) -> list[dict[str, Any]]:
    """Points as plain data, beside closed forms.

    Parameters
    ----------
    lever : Lever
        What was varied; its name is the first key.
    points : iterable of Point
        The values.
    powers : sequence of Estimate, optional
        Power at each, instead of the points' own.

    Returns
    -------
    list of dict
        With the keys of docs/size.md.
    """
    points = list(points)
    rows = []
    for point, power in zip(points, powers or [p.power for p in points], strict=True):
        closed = closed_power(lever, point.value)
        month = point.counts.month.mean()
        rows.append(
            {
                lever.over.replace("-", "_"): int(point.value) if lever.is_whole else point.value,
                "null_holds": is_null(lever, point.value),
                "power": power.value,
                "mcse": or_null(power.mcse),
                "n_trials": power.n_trials,
                "closed_form": None if closed is None else closed.value,
                "closed_form_method": None if closed is None else closed.method,
                "look_time_mean": or_null(month.value),
                "look_time_mcse": or_null(month.mcse),
                "target_not_reached": point.counts.short.estimate().value,
            }
        )
    return rows


def is_null(lever: Lever, value: float) -> bool | None:
    """Whether the hypothesis is null at a value: its power is a type I error; None if not known."""
    return null_holds(lever.with_value(value), lever.hypothesis)


def can_be_nested(lever: Lever) -> bool:
    """Whether all values can be looks at the same trials.

    They can where the value moves the one look of the scenario and nothing else: a later look sees
    all that an earlier one has seen. Several looks have a stopping rule or levels between them, and
    more patients are another trial.
    """
    moves_look = lever.over == FOLLOW_UP or (lever.over == EVENTS and not lever.scaled)
    return moves_look and len(lever.scenario.analyses) == 1


def nested(lever: Lever, values: Sequence[float]) -> Scenario:
    """Scenario with a look at each of some rising values, each with the level of the one look.

    Nothing stops it, and other hypotheses are left out.
    """
    scenario, name = lever.scenario, lever.hypothesis
    hypothesis = scenario.hypotheses[name]
    (look,) = scenario.analyses
    looks: dict[str, Analysis] = {
        f"look_{k}": lever.with_value(value).analyses[look] for k, value in enumerate(values, 1)
    }
    limit = critical_values(scenario, name)[look]
    at_all = {
        "analyses": tuple(looks),
        "alpha": None,
        "critical_values": (limit,) * len(looks),
    }
    return scenario.model_copy(
        update={
            "analyses": looks,
            "hypotheses": {name: hypothesis.model_copy(update=at_all)},
            "estimates": {},
            "stopping": Stopping(rejected="never", hypotheses=(name,)),
            "plug_in": {},
        }
    )
