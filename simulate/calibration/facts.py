"""What arithmetic makes of published figures: counts, differences of counts, scan weeks, gaps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from simulate.calibration.counts import (
    Count,
    controlled,
    has_exact_interval,
    possible_counts,
    responders,
)
from simulate.calibration.evidence import Evidence
from simulate.calibration.figures import (
    DURATION,
    AnyFigure,
    Median,
    Proportion,
    Range,
    ShareEventFree,
    Survival,
    WithCount,
    median_text,
)
from simulate.scenario.assessed import DAYS_PER_MONTH, scans_around
from simulate.scenario.assessments import DAYS_PER_WEEK


class Published(NamedTuple):
    """A published figure in words.

    Attributes
    ----------
    name, title, value : str
        Name in the file, what it is of, and the figure with its interval.
    status : str
        How it is known.
    use : bool
        Whether it is fitted.
    counted : str
        The count that it fixes, or the ones that it leaves; empty where it is none.
    """

    name: str
    title: str
    value: str
    status: str
    use: bool
    counted: str


class Scan(NamedTuple):
    """A published time beside the scan nearest to it.

    Attributes
    ----------
    name : str
        Name of the figure.
    months : float
        The published time, from the start of treatment.
    week : float
        Week of the nearest scan.
    days_off : float
        Days from that scan to the time: positive if the time is later.
    """

    name: str
    months: float
    week: float
    days_off: float


TITLES = {
    "response": "Objective response",
    "disease_control": "Disease control",
    "pfs": "PFS",
    "os": "OS",
    "duration_of_response": "duration of response",
    "time_to_response": "time to response",
}


def published(evidence: Evidence) -> list[Published]:
    """Every figure of an evidence file, in its order.

    Parameters
    ----------
    evidence : Evidence
        Evidence as loaded.

    Returns
    -------
    list of Published
    """
    return [
        Published(
            name,
            figure.label or title_of(figure),
            value_of(figure),
            figure.status,
            figure.use,
            _count_text(figure, evidence) if isinstance(figure, WithCount) else "",
        )
        for name, figure in evidence.figures.items()
    ]


def title_of(figure: AnyFigure) -> str:
    """What a figure is of, in words."""
    endpoint = TITLES.get(figure.endpoint, figure.endpoint)
    match figure:
        case Proportion():
            return endpoint
        case Median():
            return f"Median {endpoint}"
        case Survival():
            text = f"{endpoint} at {figure.at_months} months"
        case Range():
            text = f"{endpoint}, least and greatest"
        case ShareEventFree():
            text = f"{endpoint} of {figure.at_months} months or longer"
    return text[:1].upper() + text[1:]


def value_of(figure: AnyFigure) -> str:
    """A figure as published: its value and its interval."""
    if isinstance(figure, Range):
        return f"{figure.months[0]} to {figure.months[1]}"
    limits: tuple[str, ...] = ()
    if isinstance(figure, Median):
        value = median_text(figure.months)
        limits = tuple(median_text(month) for month in figure.interval_months or ())
    else:
        value = f"{figure.percent}%"
        limits = tuple(f"{percent}" for percent in figure.interval_percent or ())
    if not limits:
        return value
    return f"{value} ({100 * figure.level:g}% CI {limits[0]} to {limits[1]})"


def _count_text(figure: WithCount, evidence: Evidence) -> str:
    counts = possible_counts(figure, evidence)
    if not counts:
        return "a Kaplan-Meier estimate"
    if len(counts) > 1:
        return f"{_text(counts[0])} to {_text(counts[-1])}: not fixed"
    if figure.count is not None:
        return f"{_text(counts[0])}, published"
    interval = figure.interval_percent is not None and has_exact_interval(figure)
    return f"{_text(counts[0])}, by {'its interval' if interval else 'rounding'}"


def _text(count: Count) -> str:
    return f"{count.n}/{count.of}"


def derived(evidence: Evidence) -> Iterator[str]:
    """What follows from several figures together, in words.

    Parameters
    ----------
    evidence : Evidence
        Evidence as loaded.

    Yields
    ------
    str
    """
    n_response, n_control = responders(evidence), controlled(evidence)
    patients = evidence.trial.patients
    if len(n_response) == len(n_control) == 1:
        stable = n_control[0] - n_response[0]
        yield f"stable disease as best response: {n_control[0]} - {n_response[0]} = {stable}"
    if len(n_control) == 1:
        rest = patients - n_control[0]
        yield f"progression at once or not evaluable: {patients} - {n_control[0]} = {rest}"
    shortest, longest = map(float, evidence.follow_up.range_months)
    span = longest - shortest
    yield (
        f"accrual, from the range of the follow-up: {patients} / {span:.4g} = "
        f"{patients / span:.2g} a month"
    )


def unknown(evidence: Evidence) -> Iterator[str]:
    """What the figures leave open, in words, likewise."""
    for name, figure in evidence.figures.items():
        interval = getattr(figure, "interval_months", getattr(figure, "interval_percent", ()))
        if interval is None and figure.use:
            yield f"{name}: no interval"
        if isinstance(figure, Median) and isinstance(figure.months, str):
            yield f"{name}: not reached, known only to be later than what was seen"
        if isinstance(figure, WithCount) and len(possible_counts(figure, evidence)) > 1:
            yield f"{name}: its count is not fixed"
        if isinstance(figure, ShareEventFree) and figure.method_status == "inferred":
            how = "a plain share" if figure.method == "raw" else "a Kaplan-Meier estimate"
            yield f"{name}: that it is {how} is inferred"


def scans(evidence: Evidence) -> list[Scan]:
    """Published times of progression and response beside the nearest scans.

    Parameters
    ----------
    evidence : Evidence
        Evidence as loaded.

    Returns
    -------
    list of Scan
        Empty without assessments. Durations are left out: they are differences of scans.
    """
    if evidence.assessments is None:
        return []
    steps = evidence.assessments.steps_in_days
    found = []
    for name, figure in evidence.figures.items():
        if figure.endpoint in {"os", DURATION}:
            continue
        for month in _seen_months(figure):
            around = scans_around(month, steps)
            _, scan = min((abs(scan - month), scan) for scan in around if scan > 0.0)
            days = scan * DAYS_PER_MONTH
            found.append(Scan(name, month, days / DAYS_PER_WEEK, month * DAYS_PER_MONTH - days))
    return found


def _seen_months(figure: AnyFigure) -> Iterator[float]:
    if isinstance(figure, Median):
        for month in (figure.months, *(figure.interval_months or ())):
            if not isinstance(month, str):
                yield float(month)
    elif isinstance(figure, Range):
        yield from map(float, figure.months)
