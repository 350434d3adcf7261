"""Operating characteristics: tidy rows, each an estimate with its Monte Carlo standard error."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from simulate.results.estimates import Estimate, Moments, Share, WholeMoments
from simulate.results.measured import COX, MeasuredEffect, measured_effect
from simulate.results.members import (
    MemberShares,
    Spread,
    one_truth,
    quantiles_given_truth,
    share_of_truths_above,
    spread_of,
)
from simulate.results.quantiles import Bins, IntArray, Values
from simulate.results.tallies import (
    BY_MEMBER,
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
from simulate.runner.pack.members import member_strata
from simulate.scenario.comparisons import planned
from simulate.scenario.models import Scenario

OVERALL = "overall"
ANY = "any"
ALL = "all"
COUNTED = ("patients", "events", "dropouts")
LOOK_QUANTILES = ((0.05, "q05"), (0.5, "q50"), (0.95, "q95"))
POWER_QUANTILES = ((0.05, "p05"), (0.25, "p25"), (0.5, "median"), (0.75, "p75"), (0.95, "p95"))
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
Strata = tuple[IntArray, ...]
"""Strata of the members, for each distribution that they are stratified quantiles of."""


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
    strata = tuple(member_strata(scenario).values())

    def add(hypothesis: str, analysis: str, condition: str, found: Iterable[Measured]) -> None:
        for measure, estimate in found:
            rows.append(Row(scenario.title, hypothesis, analysis, measure, condition, *estimate))

    look_quantiles = _LookQuantiles()
    possible = fates_of(scenario)
    # With one analysis the trials under all conditions are the same.
    conditions = CONDITIONS if len(possible) > 1 else {"all": possible}
    for name, chosen in planned(scenario).items():
        looks = tuple(chosen.analyses)
        is_tested = name in scenario.hypotheses
        if is_tested:
            found = _rejected_by(tallies, strata, name, looks)
            add(name, OVERALL, "all", [("rejection_probability", found.estimate)])
            add(name, OVERALL, "all", _assurance(found))
        by_end = tuple(fate for fate in BY_END if fate in possible)
        add(name, OVERALL, "all", _data(_Trials(tallies, name, looks, by_end), look_quantiles))
        measured = measured_effect(scenario, name)
        for number, analysis in enumerate(looks):
            upto = looks[: number + 1]
            add(name, analysis, "all", _probabilities(tallies, strata, name, upto, is_tested))
            for condition, fates in conditions.items():
                trials = _Trials(tallies, name, (analysis,), fates)
                add(name, analysis, condition, _data(trials, look_quantiles))
                if is_tested:
                    add(name, analysis, condition, _z(trials))
                add(name, analysis, condition, _effect(trials, measured))
    if len(scenario.hypotheses) > 1:
        for several in (ANY, ALL):
            key = Key(several, OVERALL, "rejection_probability", EVERY_TRIAL)
            found = _chance(tallies, strata, key)
            add(several, OVERALL, "all", [("rejection_probability", found.estimate)])
            add(several, OVERALL, "all", _assurance(found))
    return rows


def power_given_truth(scenario: Scenario, tallies: Tallies, hypothesis: str) -> Spread:
    """Probability of rejecting a hypothesis by the end, over all truths and given each."""
    strata = tuple(member_strata(scenario).values())
    return _rejected_by(tallies, strata, hypothesis, scenario.hypotheses[hypothesis].analyses)


def _chance(tallies: Tallies, strata: Strata, key: Key) -> Spread:
    """How often something happens, among all trials; over the truths, where there are several."""
    by_member = key._replace(quantity=key.quantity + BY_MEMBER)
    if by_member in tallies:
        return spread_of(tallies.over(MemberShares, [by_member]), strata)
    return one_truth(tallies.over(Share, [key]))


def _rejected_by(
    tallies: Tallies, strata: Strata, hypothesis: str, looks: tuple[str, ...]
) -> Spread:
    """How often a hypothesis is rejected by the last of some looks: a trial does so once."""
    by_now = Key(hypothesis, looks[-1], "cumulative_rejection_probability", EVERY_TRIAL)
    if by_now._replace(quantity=by_now.quantity + BY_MEMBER) in tallies:
        return _chance(tallies, strata, by_now)
    quantity = "first_rejection_probability"
    firsts = [tallies.over(Share, [Key(hypothesis, look, quantity, EVERY_TRIAL)]) for look in looks]
    return one_truth(Share(sum(first.successes for first in firsts), firsts[-1].n_trials))


def _assurance(found: Spread) -> Iterator[Measured]:
    """The rejection probability over truths, the parts of its error, and given each truth."""
    if found.n_members < 2:
        return
    n_trials = found.estimate.n_trials
    yield "assurance", found.estimate
    yield "assurance_between_se", Estimate(found.between_se, math.nan, n_trials)
    yield "assurance_within_se", Estimate(found.within_se, math.nan, n_trials)
    yield "conditional_power_sd", found.sd
    quantiles = quantiles_given_truth(found, tuple(p for p, _ in POWER_QUANTILES))
    for (_, name), estimate in zip(POWER_QUANTILES, quantiles, strict=True):
        yield f"conditional_power_{name}", estimate
    yield "conditional_power_above_80", share_of_truths_above(found, 0.8)


def _probabilities(
    tallies: Tallies, strata: Strata, hypothesis: str, looks: tuple[str, ...], is_tested: bool
) -> Iterator[Measured]:
    """How often the last of some looks takes place, rejects, or something did not exist."""

    def at_look(measure: str) -> Measured:
        key = Key(hypothesis, looks[-1], measure, EVERY_TRIAL)
        return measure, _chance(tallies, strata, key).estimate

    if is_tested:
        yield at_look("rejection_probability")
        yield at_look("first_rejection_probability")
        by_now = _rejected_by(tallies, strata, hypothesis, looks)
        yield "cumulative_rejection_probability", by_now.estimate
        yield from _assurance(by_now)
    yield at_look("reached_probability")
    yield at_look("look_skipped")
    yield at_look("target_not_reached")
    yield at_look("no_information")


class _LookQuantiles:
    """Quantiles of look times, which hypotheses of one look have in common: found once."""

    def __init__(self) -> None:
        self._known: list[tuple[Values, list[Estimate]]] = []

    def of(self, sample: Values | Bins) -> list[Estimate]:
        """Quantiles of a sample."""
        probabilities = tuple(p for p, _ in LOOK_QUANTILES)
        if isinstance(sample, Bins):
            return sample.quantiles(probabilities)
        for other, found in self._known:
            if sample.equals(other):
                return found
        quantiles = sample.quantiles(probabilities)
        self._known.append((sample, quantiles))
        return quantiles


def _data(trials: _Trials, look_quantiles: _LookQuantiles) -> Iterator[Measured]:
    """Mean numbers of patients, events and dropouts by arm, and the calendar month."""
    for counted in COUNTED:
        for quantity in (counted, f"{counted}_experimental", f"{counted}_control"):
            yield f"{quantity}_mean", trials.over(WholeMoments, quantity).mean()
    months = trials.over(Moments, "look_time")
    yield "look_time_mean", months.mean()
    yield "look_time_sd", months.deviation()
    found = look_quantiles.of(trials.sample("look_time_quantiles"))
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
