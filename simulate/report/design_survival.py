"""What the verbs of ``simulate design`` say about trials with an event time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from simulate.design.arguments import listed
from simulate.design.average_effects import average_hazard_ratio, cox_limit
from simulate.design.curve_tests import milestone_test, rmst_test
from simulate.design.events import (
    EventMethod,
    critical_hazard_ratio,
    detectable_hazard_ratio,
    power_at_events,
    required_events,
)
from simulate.design.maxcombo import MaxComboTest, maxcombo_test
from simulate.design.nonproportional import Judged, LogrankWeights, logrank_test
from simulate.design.normal_orthant import MOST_VARIABLES
from simulate.design.normal_power import NormalTest, rounded_up, whole_number_of
from simulate.design.survival_size import (
    Question,
    SurvivalSize,
    accrual_for_power,
    event_probabilities,
    follow_up_for_power,
    in_whole_patients,
    power_for_size,
    size_for_power,
)
from simulate.design.two_arms import TwoArms, two_arm_trial
from simulate.errors import DesignError
from simulate.report.design import Answer, Figure, whole

METHODS = {
    "schoenfeld": "Schoenfeld (1981)",
    "freedman": "Freedman (1982)",
    "hsieh_freedman": "Freedman (1982), for unequal arms as in Hsieh (1992)",
    "lachin_foulkes": "Lachin and Foulkes (1986)",
    "bernstein_lagakos": "Bernstein and Lagakos (1978)",
    "logrank": "Moments of the log-rank score (Yung and Liu 2020; Lu 2021)",
}
EXACT_AND_ROUNDED = {"exact": "exact", "rounded_up": "rounded up"}
OWN_VARIANCES = "MaxCombo judges its components by their own variances"
FLUID = (
    "patients enter as a fluid, and z is taken for normal: simulate the trial before relying on it"
)


def events_answer(
    hazard_ratio: float | None,
    power: float | None,
    events: int | None,
    alpha: float,
    ratio: float,
    null_hazard_ratio: float,
    method: EventMethod,
) -> Answer:
    """Find the events, the power or the hazard ratio from the other two.

    Raises
    ------
    DesignError
        If not two of the three are given, or a value is out of its range.
    """
    rest = (alpha, ratio, null_hazard_ratio, method)
    if hazard_ratio is not None and power is not None and events is None:
        exact: float = required_events(hazard_ratio, power, *rest)
        numbers: list[float] = [exact, whole_number_of(exact)]
        ratios = [hazard_ratio, hazard_ratio]
        columns = EXACT_AND_ROUNDED
    elif events is not None and hazard_ratio is not None and power is None:
        numbers, ratios, columns = [events], [hazard_ratio], {"exact": "at these events"}
    elif events is not None and power is not None and hazard_ratio is None:
        numbers, ratios = [events], [detectable_hazard_ratio(events, power, *rest)]
        columns = {"exact": "at these events"}
    else:
        raise DesignError(
            "hazard_ratio",
            "two of hazard_ratio, --power and --events must be given, to find the third",
        )
    powers = [power_at_events(n, hr, *rest) for n, hr in zip(numbers, ratios, strict=True)]
    critical = [critical_hazard_ratio(n, alpha, ratio, null_hazard_ratio) for n in numbers]
    return Answer(
        "events",
        f"{METHODS[method]}: a log-rank test by its number of events",
        columns,
        [
            Figure("events", "events of both arms", tuple(numbers), 2),
            Figure("hazard_ratio", "assumed hazard ratio", tuple(ratios), 4),
            Figure("power", "power", tuple(powers), 4),
            Figure(
                "critical_hazard_ratio",
                "largest estimated hazard ratio that rejects, about",
                tuple(critical),
                4,
            ),
        ],
    )


def size_answer(power: float, question: Question, figures: dict[str, Any]) -> Answer:
    """Find the patients, the accrual or the follow-up that gives a power, whichever is left out.

    Parameters
    ----------
    power : float
        To be reached.
    question : Question
        How the trial is to be judged.
    figures : dict
        Parameters of `two_arm_trial`; None for those that are not given.

    Raises
    ------
    DesignError
        If nothing or too much is left out, or a value is out of its range.
    """
    unknown = [
        name
        for name in ("accrual_rate_per_month", "accrual_months", "follow_up_months")
        if figures[name] is None
    ]
    if len(unknown) != 1:
        raise DesignError(
            "accrual_rate_per_month",
            "one of accrual_rate_per_month, accrual_months and follow_up_months must be left out, "
            "to be found",
            ("all", "two", "one", "none")[len(unknown)],
            "with all three, simulate design power gives the power" if not unknown else "",
        )
    (name,) = unknown
    if name == "accrual_rate_per_month":
        size = size_for_power(_trial(figures), power, question)
        rounded = in_whole_patients(size, question)
    elif name == "accrual_months":
        size = accrual_for_power(_trial(figures | {name: 1.0}), power, question)
        rounded = in_whole_patients(size, question, by_longer_accrual=True)
    else:
        size = follow_up_for_power(_trial(figures | {name: 0.0}), power, question)
        months = math.ceil(size.trial.follow_up_months - 1e-9)
        rounded = power_for_size(size.trial.followed(float(months)), question)
    found = {
        "accrual_rate_per_month": "patients, entering in the months that are given",
        "accrual_months": "duration of accrual",
        "follow_up_months": "follow-up; rounded up to whole months",
    }
    return Answer(
        "size",
        f"{METHODS[question.method]}: {found[name]}",
        EXACT_AND_ROUNDED,
        _size_figures([size, rounded], question),
        [FLUID],
    )


def power_answer(question: Question, patients: int | None, figures: dict[str, Any]) -> Answer:
    """Power of a trial whose figures are all given.

    Raises
    ------
    DesignError
        If a figure is missing or out of its range.
    """
    size = power_for_size(_whole_trial(patients, figures), question)
    return Answer(
        "power",
        METHODS[question.method],
        {"exact": "expected"},
        _size_figures([size], question),
        [FLUID],
    )


def ahr_answer(
    calendar_months: Sequence[float], patients: int | None, figures: dict[str, Any]
) -> Answer:
    """Average hazard ratios and expected counts at calendar months.

    Raises
    ------
    DesignError
        If a figure is missing or out of its range.
    """
    full = _whole_trial(patients, figures | {"follow_up_months": 0.0})
    columns = {f"{month:.10g}": f"month {month:.10g}" for month in calendar_months}
    if len(columns) < len(calendar_months):
        raise DesignError("calendar_months", "must differ from each other", listed(calendar_months))
    rows: dict[str, list[float]] = {name: [] for name in _AHR_ROWS}
    for month in calendar_months:
        if not month > full.entry.first_month or not math.isfinite(month):
            raise DesignError("calendar_months", "must be finite and after the first entry", month)
        trial = full.followed(month - full.entry.accrual_months)
        average, n = average_hazard_ratio(trial), full.entry.patients
        rows["patients"].append(float(full.entry.entered(month)))
        rows["events"].append(n * average.events)
        rows["events_control"].append(n * average.events_control)
        rows["events_experimental"].append(n * average.events_experimental)
        rows["average_hazard_ratio"].append(average.hazard_ratio)
        rows["cox_limit"].append(cox_limit(trial).hazard_ratio)
    return Answer(
        "ahr",
        "Expected counts, and averages of the hazard ratio over them",
        columns,
        [
            Figure(key, label, tuple(rows[key]), digits)
            for key, (label, digits) in _AHR_ROWS.items()
        ],
        ["average: geometric mean over the expected events; Cox: what the estimate comes to"],
    )


_AHR_ROWS = {
    "patients": ("patients entered", 1),
    "events": ("events", 2),
    "events_control": ("  control", 2),
    "events_experimental": ("  experimental", 2),
    "average_hazard_ratio": ("average hazard ratio", 4),
    "cox_limit": ("limit of Cox's estimate", 4),
}


def nph_answer(
    power: float | None,
    alpha: float,
    judged: Judged,
    weights: Sequence[tuple[str, str, LogrankWeights]],
    maxcombo: bool,
    rmst_months: Sequence[float],
    milestone_months: Sequence[float],
    patients: int | None,
    figures: dict[str, Any],
) -> Answer:
    """Power of several tests under any hazards, and patients for a power.

    Parameters
    ----------
    weights : sequence of (key, label, weights)
        Weighted log-rank tests besides the plain one.
    maxcombo : bool
        Whether to combine them with it as well.

    Raises
    ------
    DesignError
        If a figure is missing or out of its range, or it is not 2 to 4 tests that are combined.
    """
    trial = _whole_trial(patients, figures)
    weighted = [("logrank", "log-rank", LogrankWeights()), *weights]
    tests: list[tuple[str, str, NormalTest | MaxComboTest]] = [
        (key, label, logrank_test(trial, weight, judged)) for key, label, weight in weighted
    ]
    if maxcombo:
        combined = _combined(trial, [weight for _, _, weight in weighted])
        tests.append(("maxcombo", "MaxCombo of the tests above", combined))
    tests.append(
        ("ahr", "log-rank, by the average hazard ratio", average_hazard_ratio(trial).test())
    )
    tests += [
        (f"rmst_{m:g}", f"restricted mean to month {m:g}", rmst_test(trial, m)) for m in rmst_months
    ]
    tests += [
        (f"milestone_{m:g}", f"survival at month {m:g}", milestone_test(trial, m))
        for m in milestone_months
    ]
    n = trial.entry.patients
    columns = {"critical_z": "critical z", "power": f"power, {n:,.6g} patients"}
    if power is not None:
        columns |= {"patients": "patients", "rounded_up": "rounded up"}
    rows = []
    for key, label, test in tests:
        values: tuple[float | None, ...] = (test.critical_z(alpha), test.power(n, alpha))
        if power is not None:
            needed = test.n_for(power, alpha) if test.effect > 0.0 else None
            up = None if needed is None else rounded_up(needed, trial.ratio)
            values = (*values, needed, up)
        rows.append(Figure(key, label, values, (4, 4, 2, 0)))
    events = n * sum(event_probabilities(trial))
    notes = [f"{events:.2f} events are expected at the look, month {trial.study_months:g}"]
    if maxcombo and judged != "own_variance":
        notes.append(OWN_VARIANCES)
    return Answer(
        "nph-power",
        "Asymptotic moments of each test (Yung and Liu 2020; Lu 2021)",
        columns,
        rows,
        [*notes, FLUID],
    )


def _combined(trial: TwoArms, weights: Sequence[LogrankWeights]) -> MaxComboTest:
    """MaxCombo of the tests that differ from each other."""
    n_tests = len(set(weights))
    if not 2 <= n_tests <= MOST_VARIABLES:
        raise DesignError(
            "maxcombo",
            f"must combine 2 to {MOST_VARIABLES} tests, the log-rank test one of them",
            n_tests,
            "name others by fleming_harrington or modest_delay_months"
            if n_tests < 2
            else "leave some out",
        )
    return maxcombo_test(trial, weights)


def _trial(figures: dict[str, Any]) -> TwoArms:
    """Trial from the figures that are given."""
    given = {name: value for name, value in figures.items() if value is not None}
    for name in ("hazard_ratio", "accrual_months", "follow_up_months"):
        if name not in given:
            raise DesignError(name, "must be given")
    if given["follow_up_months"] < 0.0:
        raise DesignError("follow_up_months", "must be 0 or more", given["follow_up_months"])
    return two_arm_trial(**given)


def _whole_trial(patients: int | None, figures: dict[str, Any]) -> TwoArms:
    """Trial whose rate of entry is given, or follows from a number of patients."""
    if (patients is None) == (figures["accrual_rate_per_month"] is None):
        raise DesignError(
            "patients",
            "must be given, or accrual_rate_per_month instead",
            "neither" if patients is None else "both",
        )
    trial = _trial(figures)
    if patients is None:
        return trial
    if patients < 1:
        raise DesignError("patients", "must be at least 1", patients)
    return TwoArms(
        trial.strata, trial.entry.bringing(patients), trial.follow_up_months, trial.ratio
    )


def _size_figures(sizes: Sequence[SurvivalSize], question: Question) -> list[Figure]:
    """Rows that a size consists of."""

    def row(of: Callable[[SurvivalSize], float]) -> tuple[float, ...]:
        return tuple(of(size) for size in sizes)

    alpha, null = question.alpha, question.null_hazard_ratio
    return [
        Figure("patients", "patients", row(lambda s: whole(s.patients)), 2),
        Figure("events", "expected events", row(lambda s: s.events), 2),
        Figure("events_control", "  control", row(lambda s: s.events_control), 2),
        Figure("events_experimental", "  experimental", row(lambda s: s.events_experimental), 2),
        Figure(
            "accrual_rate_per_month",
            "patients a month, on average",
            row(lambda s: s.patients / s.trial.entry.accrual_months),
            3,
        ),
        Figure(
            "accrual_months", "months of accrual", row(lambda s: s.trial.entry.accrual_months), 2
        ),
        Figure(
            "follow_up_months", "months of follow-up", row(lambda s: s.trial.follow_up_months), 2
        ),
        Figure(
            "study_months", "calendar month of the look", row(lambda s: s.trial.study_months), 2
        ),
        Figure("power", "power", row(lambda s: s.power), 4),
        Figure(
            "critical_hazard_ratio",
            "largest estimated hazard ratio that rejects, about",
            row(lambda s: critical_hazard_ratio(s.events, alpha, s.trial.ratio, null)),
            4,
        ),
    ]
