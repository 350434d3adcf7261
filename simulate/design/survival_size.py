"""Size, duration and power of a trial with a log-rank test, under accrual, follow-up and dropout.

With n patients, of whom the shares D0 and D1 are expected to have an observed event in either arm,
and d = n (D0 + D1):

- Schoenfeld (Biometrika 68, 1981, 316-319), Freedman (Statistics in Medicine 1, 1982, 121-129),
  Hsieh (Statistics in Medicine 11, 1992, 1091-1098): the power at d events, as in `events_test`.
- Lachin and Foulkes (Biometrics 42, 1986, 507-519): the log hazard ratio has variance
  ``(1 / D1 + 1 / D0) / n``; under the null hypothesis with the hazards that both arms would have
  if the control's were multiplied by ``(1 + r HR) / (1 + r HR0)``, which keeps their average.
- Bernstein and Lagakos (Journal of Statistical Computation and Simulation 8, 1978, 65-73): the
  same, but under the null hypothesis the control arm has the hazard that it is assumed to have.
- logrank: the moments of the log-rank score at this alternative, for any hazards, as in
  `logrank_test` (Yung and Liu, Biometrics 76, 2020, 939-950; Lu, Pharmaceutical Statistics 20,
  2021, 229-244).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Literal, NamedTuple, get_args

from simulate.design.arguments import check_positive, check_power
from simulate.design.at_risk import at_risk
from simulate.design.events import EventMethod, events_test
from simulate.design.nonproportional import logrank_test
from simulate.design.normal_power import NormalTest, rounded_up
from simulate.design.two_arms import TwoArms
from simulate.errors import DesignError
from simulate.scenario.hazards import constant_hazard_ratio

SurvivalMethod = Literal[
    "schoenfeld", "freedman", "hsieh_freedman", "lachin_foulkes", "bernstein_lagakos", "logrank"
]
# Months beyond which nothing is looked for: a century.
LONGEST_MONTHS = 1200.0


class SurvivalSize(NamedTuple):
    """A trial with its size and power.

    Attributes
    ----------
    trial : TwoArms
        The trial, its rates of entry and durations as they were solved for.
    patients : float
        Patients of both arms by the end of accrual.
    events_control, events_experimental : float
        Expected events at the look.
    power : float
        Probability of rejecting.
    """

    trial: TwoArms
    patients: float
    events_control: float
    events_experimental: float
    power: float

    @property
    def events(self) -> float:
        """Expected events of both arms at the look."""
        return self.events_control + self.events_experimental


class Question(NamedTuple):
    """How a trial is to be judged.

    Parameters
    ----------
    method : str
        One of "schoenfeld", "freedman", "hsieh_freedman", "lachin_foulkes", "bernstein_lagakos",
        "logrank".
    alpha : float
        One-sided level.
    null_hazard_ratio : float
        Hazard ratio under the null hypothesis; other than 1 by Schoenfeld's, Lachin and Foulkes's
        and Bernstein and Lagakos's methods.
    """

    method: SurvivalMethod = "lachin_foulkes"
    alpha: float = 0.025
    null_hazard_ratio: float = 1.0


_DEFAULT = Question()


def event_probabilities(trial: TwoArms) -> tuple[float, float]:
    """Probabilities that a patient is in the control arm with an event seen, and experimental."""
    seen = at_risk(trial)
    control = sum(stratum.integral(stratum.events_control) for stratum in seen)
    return control, sum(stratum.integral(stratum.events_experimental) for stratum in seen)


def survival_test(trial: TwoArms, question: Question = _DEFAULT) -> NormalTest:
    """Log-rank test of a trial, by its number of patients.

    Parameters
    ----------
    trial : TwoArms
        The trial; every method but "logrank" needs one hazard ratio at all times, in all strata.
    question : Question
        How it is to be judged.

    Returns
    -------
    NormalTest
        Its ``n`` is the number of patients.

    Raises
    ------
    DesignError
        If the method does not take the hazards or the null hypothesis, or no events are expected.
    """
    method, _, null_ratio = question
    check_positive(null_hazard_ratio=null_ratio)
    if method not in get_args(SurvivalMethod):
        raise DesignError("method", f"must be one of {', '.join(get_args(SurvivalMethod))}", method)
    if method == "logrank":
        if null_ratio != 1.0:
            raise DesignError(
                "null_hazard_ratio", "must be 1 with logrank", null_ratio, "use lachin_foulkes"
            )
        return logrank_test(trial)
    ratio = _hazard_ratio(trial, method)
    control, experimental = event_probabilities(trial)
    if not min(control, experimental) > 0.0:
        raise DesignError("trial", "must expect events in both arms at the look", "none")
    if method in get_args(EventMethod):
        by_events = events_test(ratio, trial.ratio, null_ratio, method)  # type: ignore[arg-type]
        return NormalTest(by_events.effect * math.sqrt(control + experimental), 1.0, 1.0)
    null = event_probabilities(_null_of(trial, ratio, question))
    return NormalTest(
        math.log(null_ratio / ratio),
        math.sqrt(1.0 / null[0] + 1.0 / null[1]),
        math.sqrt(1.0 / control + 1.0 / experimental),
    )


def size_for_power(trial: TwoArms, power: float, question: Question = _DEFAULT) -> SurvivalSize:
    """Number of patients, within the trial's accrual and follow-up, that gives a power.

    Parameters
    ----------
    trial : TwoArms
        The trial; its rates of entry count in proportion to each other.
    power : float
        Probability of rejecting, above alpha.
    question : Question
        How the trial is to be judged.

    Returns
    -------
    SurvivalSize
        Not rounded; the rates of entry of its trial bring in its patients.

    Raises
    ------
    DesignError
        If a value is out of its range, or no number of patients gives the power.
    """
    n = survival_test(trial, question).n_for(power, question.alpha)
    return power_for_size(replace(trial, entry=trial.entry.bringing(n)), question)


def power_for_size(trial: TwoArms, question: Question = _DEFAULT) -> SurvivalSize:
    """Power with the patients that the rates of entry bring in during accrual.

    Parameters
    ----------
    trial : TwoArms
        The trial, its rates in patients per month.
    question : Question
        How it is to be judged.

    Returns
    -------
    SurvivalSize

    Raises
    ------
    DesignError
        If a value is out of its range.
    """
    n = trial.entry.patients
    control, experimental = event_probabilities(trial)
    power = survival_test(trial, question).power(n, question.alpha)
    return SurvivalSize(trial, n, n * control, n * experimental, power)


def accrual_for_power(trial: TwoArms, power: float, question: Question = _DEFAULT) -> SurvivalSize:
    """Duration of accrual, at the trial's rates of entry and follow-up, that gives a power.

    Parameters
    ----------
    trial : TwoArms
        The trial, its rates in patients per month; its duration of accrual does not count.
    power, question
        As in `size_for_power`.

    Returns
    -------
    SurvivalSize
        The shortest accrual that gives the power, not rounded.

    Raises
    ------
    DesignError
        If a value is out of its range, or a century of accrual does not give the power.
    """
    start = trial.entry.first_month

    def lasting(months: float) -> TwoArms:
        return replace(trial, entry=trial.entry.lasting(start + months))

    months = _first_with(lasting, power, question, "accrual")
    return power_for_size(lasting(months), question)


def follow_up_for_power(
    trial: TwoArms, power: float, question: Question = _DEFAULT
) -> SurvivalSize:
    """Follow-up after accrual, at the trial's rates and duration of entry, that gives a power.

    Parameters
    ----------
    trial : TwoArms
        The trial, its rates in patients per month; its follow-up does not count.
    power, question
        As in `size_for_power`.

    Returns
    -------
    SurvivalSize
        The shortest follow-up that gives the power, not rounded.

    Raises
    ------
    DesignError
        If a value is out of its range, if the power is there without follow-up, or not within a
        century of it.
    """
    without = power_for_size(trial.followed(0.0), question).power
    check_power(power, question.alpha)
    if without >= power:
        raise DesignError(
            "accrual_months",
            f"must be shorter: without any follow-up the power is {without:.4f} already",
            f"{trial.entry.accrual_months:g}",
            "or leave it out, to find the shortest",
        )
    months = _first_with(trial.followed, power, question, "follow-up")
    return power_for_size(trial.followed(months), question)


def in_whole_patients(
    size: SurvivalSize, question: Question = _DEFAULT, *, by_longer_accrual: bool = False
) -> SurvivalSize:
    """Return the trial with whole patients, as many as its ratio divides evenly, or a few more.

    Parameters
    ----------
    size : SurvivalSize
        What was solved for.
    question : Question
        How it is to be judged.
    by_longer_accrual : bool
        Whether they enter at the same rates for longer, or in the same months at higher rates.

    Returns
    -------
    SurvivalSize
    """
    n = rounded_up(size.patients, size.trial.ratio)
    entry = size.trial.entry
    entry = entry.until(n) if by_longer_accrual else entry.bringing(n)
    return power_for_size(replace(size.trial, entry=entry), question)


def _first_with(
    lasting: Callable[[float], TwoArms], power: float, question: Question, what: str
) -> float:
    """Shortest duration in months with a power: doubled until it is there, then solved for."""
    from scipy.optimize import brentq  # noqa: PLC0415 - slow to import

    check_power(power, question.alpha)

    def surplus(months: float) -> float:
        trial = lasting(months)
        test = survival_test(trial, question)
        if not test.effect > 0.0:
            return question.alpha - power
        return test.power(trial.entry.patients, question.alpha) - power

    long = 1.0
    while surplus(long) < 0.0:
        if long >= LONGEST_MONTHS:
            survival_test(lasting(long), question).n_for(power, question.alpha)
            reached = surplus(long) + power
            raise DesignError(
                "power",
                f"cannot be reached: {long:g} months of {what} give {reached:.4f}",
                power,
                "assume more patients a month or a larger effect",
            )
        long = min(2.0 * long, LONGEST_MONTHS)
    short = long / 2.0
    while surplus(short) >= 0.0:
        long, short = short, short / 2.0
    return float(brentq(surplus, short, long, xtol=1e-11))


def _hazard_ratio(trial: TwoArms, method: str) -> float:
    """The hazard ratio of all strata at all times."""
    ratios = [constant_hazard_ratio(s.experimental, s.control) for s in trial.strata]
    first = ratios[0]
    if (
        first is None
        or not first > 0.0
        or any(other is None or abs(other - first) > 1e-9 * first for other in ratios)
    ):
        raise DesignError(
            "method", "must be logrank where the hazard ratio is not the same throughout", method
        )
    return first


def _null_of(trial: TwoArms, ratio: float, question: Question) -> TwoArms:
    """Return the trial under the null hypothesis of a method."""
    factor = 1.0
    if question.method == "lachin_foulkes":
        factor = (1.0 + trial.ratio * ratio) / (1.0 + trial.ratio * question.null_hazard_ratio)
    strata = tuple(
        replace(
            stratum,
            control=stratum.control.times(factor),
            experimental=stratum.control.times(factor * question.null_hazard_ratio),
        )
        for stratum in trial.strata
    )
    return replace(trial, strata=strata)
