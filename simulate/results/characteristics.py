"""Operating characteristics: tidy rows, each an estimate with its Monte Carlo standard error."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from simulate.results.estimates import Estimate, Moments, Share, WholeMoments
from simulate.results.measured import COX, MeasuredEffect, measured_effect
from simulate.results.quantiles import Bins, Values
from simulate.results.tallies import (
    EVERY_TRIAL,
    FATES,
    LAST_OF_HYPOTHESIS,
    STOPPED_BEFORE,
    STOPPED_HERE,
    Key,
    Kind,
    Tallies,
    fates_of,
)
from simulate.scenario.comparisons import planned
from simulate.scenario.models import Scenario

OVERALL = "overall"
ANY = "any"
ALL = "all"
COUNTED = ("patients", "events", "dropouts")
LOOK_QUANTILES = ((0.05, "q05"), (0.5, "q50"), (0.95, "q95"))
# Fates of the trials that count under each condition of a row.
CONDITIONS = {
    "all": FATES,
    "reached": tuple(fate for fate in FATES if fate != STOPPED_BEFORE),
    "stopped_here": (STOPPED_HERE,),
}
BY_END = (LAST_OF_HYPOTHESIS, STOPPED_HERE)


class Row(NamedTuple):
    """One operating characteristic.

    Attributes
    ----------
    scenario : str
        Title of the scenario.
    hypothesis : str
        Its name; "any" or "all" for several at once.
    analysis : str
        Its name, or "overall" for what holds by the end of the trial.
    measure : str
        What is estimated; docs/operating-characteristics.md lists them.
    condition : str
        Which trials count: "all", "reached" (the look took place and the trial had not stopped) or
        "stopped_here" (the trial ended at this look).
    estimate, mcse : float
        Estimate and Monte Carlo standard error; NaN where undefined.
    n_trials : int
        Trials behind the estimate.
    """

    scenario: str
    hypothesis: str
    analysis: str
    measure: str
    condition: str
    estimate: float
    mcse: float
    n_trials: int


Measured = tuple[str, Estimate]


class _Trials(NamedTuple):
    """Some of the trials: those of some looks of a hypothesis that met some fates there."""

    tallies: Tallies
    hypothesis: str
    analyses: tuple[str, ...]
    fates: tuple[str, ...]

    def over(self, kind: type[Kind], quantity: str) -> Kind:
        """Add up the tallies of a quantity over these trials."""
        return self.tallies.over(
            kind,
            (
                Key(self.hypothesis, analysis, quantity, fate)
                for analysis in self.analyses
                for fate in self.fates
            ),
        )

    def sample(self, quantity: str) -> Values | Bins:
        """Add up the values of a quantity, or their bins, over these trials."""
        if self.tallies.are_exact:
            return self.over(Values, quantity)
        return self.over(Bins, quantity)


def operating_characteristics(scenario: Scenario, tallies: Tallies) -> list[Row]:
    """All operating characteristics of a run.

    Parameters
    ----------
    scenario : Scenario
        The design and the assumptions it was simulated under.
    tallies : Tallies
        Of all its trials.

    Returns
    -------
    list of Row
        By hypothesis; first overall, then by analysis.
    """
    rows = []

    def add(hypothesis: str, analysis: str, condition: str, found: Iterable[Measured]) -> None:
        for measure, estimate in found:
            rows.append(Row(scenario.title, hypothesis, analysis, measure, condition, *estimate))

    possible = fates_of(scenario)
    # With one analysis the trials under all conditions are the same.
    conditions = CONDITIONS if len(possible) > 1 else {"all": possible}
    for name, chosen in planned(scenario).items():
        looks = tuple(chosen.analyses)
        is_tested = name in scenario.hypotheses
        if is_tested:
            add(name, OVERALL, "all", _rejected_by(tallies, name, looks, "rejection_probability"))
        by_end = tuple(fate for fate in BY_END if fate in possible)
        add(name, OVERALL, "all", _data(_Trials(tallies, name, looks, by_end)))
        measured = measured_effect(scenario, name)
        for number, analysis in enumerate(looks):
            shown = _probabilities(tallies, name, looks[: number + 1], is_tested=is_tested)
            add(name, analysis, "all", shown)
            for condition, fates in conditions.items():
                trials = _Trials(tallies, name, (analysis,), fates)
                add(name, analysis, condition, _data(trials))
                if is_tested:
                    add(name, analysis, condition, _z(trials))
                add(name, analysis, condition, _effect(trials, measured))
    if len(scenario.hypotheses) > 1:
        for several in (ANY, ALL):
            measure = "rejection_probability"
            key = Key(several, OVERALL, measure, EVERY_TRIAL)
            add(several, OVERALL, "all", [(measure, tallies.over(Share, [key]).estimate())])
    return rows


def _rejected_by(
    tallies: Tallies, hypothesis: str, looks: tuple[str, ...], measure: str
) -> Iterator[Measured]:
    """How often a hypothesis is rejected by the last of some looks: a trial does so once."""
    quantity = "first_rejection_probability"
    firsts = [tallies.over(Share, [Key(hypothesis, look, quantity, EVERY_TRIAL)]) for look in looks]
    share = Share(sum(first.successes for first in firsts), firsts[-1].n_trials)
    yield measure, share.estimate()


def _probabilities(
    tallies: Tallies, hypothesis: str, looks: tuple[str, ...], *, is_tested: bool
) -> Iterator[Measured]:
    """How often the last of some looks takes place, rejects, or something did not exist."""

    def at_look(measure: str) -> Measured:
        key = Key(hypothesis, looks[-1], measure, EVERY_TRIAL)
        return measure, tallies.over(Share, [key]).estimate()

    if is_tested:
        yield at_look("rejection_probability")
        yield at_look("first_rejection_probability")
        yield from _rejected_by(tallies, hypothesis, looks, "cumulative_rejection_probability")
    yield at_look("reached_probability")
    yield at_look("look_skipped")
    yield at_look("target_not_reached")
    yield at_look("no_information")


def _data(trials: _Trials) -> Iterator[Measured]:
    """Mean numbers of patients, events and dropouts by arm, and the calendar month."""
    for counted in COUNTED:
        for quantity in (counted, f"{counted}_experimental", f"{counted}_control"):
            yield f"{quantity}_mean", trials.over(WholeMoments, quantity).mean()
    months = trials.over(Moments, "look_time")
    yield "look_time_mean", months.mean()
    yield "look_time_sd", months.deviation()
    found = trials.sample("look_time_quantiles").quantiles(tuple(p for p, _ in LOOK_QUANTILES))
    for (_, name), estimate in zip(LOOK_QUANTILES, found, strict=True):
        yield f"look_time_{name}", estimate


def _z(trials: _Trials) -> Iterator[Measured]:
    """Mean and standard deviation of z, where it exists."""
    z = trials.over(Moments, "z")
    yield "z_mean", z.mean()
    yield "z_sd", z.deviation()


def _effect(trials: _Trials, measured: MeasuredEffect) -> Iterator[Measured]:
    """Estimates at a look; infinite and missing ones are counted, not averaged."""
    if measured.kind == "none":
        return
    yield "estimate_infinite", trials.over(Share, "estimate_infinite").estimate()
    other = "estimate_not_converged" if measured.failures == COX else "not_estimable"
    yield other, trials.over(Share, other).estimate()
    measure = measured.kind
    estimates = trials.over(Moments, measure)
    average = estimates.mean()
    yield f"{measure}_mean", average
    yield f"{measure}_sd", estimates.deviation()
    if measured.has_se:
        yield f"{measure}_se_mean", trials.over(Moments, f"{measure}_se").mean()
    if measured.failures == COX:
        ratio = math.exp(average.value)
        yield "hazard_ratio", Estimate(ratio, ratio * average.mcse, average.n_trials)
    if measured.has_limits:
        yield "upper_limit_infinite", trials.over(Share, "upper_limit_infinite").estimate()
    if measured.truth is not None:
        # A constant taken away leaves the error as it is.
        yield f"{measure}_bias", average._replace(value=average.value - measured.truth)
        for coverage in coverages(measured):
            yield coverage, trials.over(Share, coverage).estimate()


def coverages(measured: MeasuredEffect) -> Iterator[str]:
    """Names of the coverages of an estimate's confidence intervals among the measures."""
    yield measured.coverage
    if measured.is_rate:
        yield f"clopper_pearson_{measured.coverage}"
        yield f"wilson_{measured.coverage}"
