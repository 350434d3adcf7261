"""Published evidence as text for a terminal: what it says, what it fixes, what it leaves open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from simulate.calibration.evidence import Evidence
from simulate.calibration.facts import derived, published, scans, unknown
from simulate.calibration.figures import Median
from simulate.calibration.priors import Prior, Transition
from simulate.calibration.shape import Shape
from simulate.calibration.single import LOG_2, Rate, exponential_rates, weibull_curves
from simulate.report.arms_in_words import scans_text
from simulate.report.tables import new_table, plain, say
from simulate.report.wording import number, status_text

if TYPE_CHECKING:
    from rich.console import Console

HOW = {
    "interval": "by its interval",
    "events": "by the events expected",
    "patients": "by the patients still followed",
}


def print_evidence(
    evidence: Evidence, console: Console, shapes: Mapping[str, Shape | None] | None = None
) -> None:
    """Print an evidence file in words, with what arithmetic makes of its figures.

    Parameters
    ----------
    evidence : Evidence
        Evidence as loaded: nothing in it contradicts the rest.
    console : Console
        Where to print.
    shapes : mapping of str to Shape or None, optional
        Weibull shapes found by simulation, by the name of the median; None where none was found.
    """
    say(console, evidence.title, "bold")
    say(console, evidence.citation)
    for line in _trial_lines(evidence):
        say(console, f"  {line}")
    _heading(console, "Figures")
    _print_figures(evidence, console)
    _heading(console, "Derived by arithmetic")
    for line in derived(evidence):
        say(console, f"  {line}")
    _print_scans(evidence, console)
    _print_single(evidence, console, shapes)
    _heading(console, "Not fixed by these figures")
    for line in unknown(evidence):
        say(console, f"  {line}")
    _heading(console, "Model to fit")
    for name, transition in evidence.model.transitions.items():
        say(console, f"  {name}: {_transition_text(transition)}{status_text(transition.status)}")
    say(console)
    say(console, "No figure contradicts another.")


def _heading(console: Console, words: str) -> None:
    say(console)
    say(console, words, "bold")


def _trial_lines(evidence: Evidence) -> list[str]:
    trial, follow_up = evidence.trial, evidence.follow_up
    shortest, longest = follow_up.range_months
    median = "" if follow_up.median_months is None else f"median {follow_up.median_months}, "
    lines = [
        f"{trial.label or trial.arm}: {trial.patients} patients{status_text(trial.status)}",
        f"followed for {median}{shortest} to {longest} months{status_text(follow_up.status)}",
    ]
    if evidence.loss is not None:
        rate = number(evidence.loss.rate_per_month)
        lines.append(f"lost: {rate} a month{status_text(evidence.loss.status)}")
    if evidence.not_evaluable is not None:
        status = status_text(evidence.not_evaluable.status)
        lines.append(f"not evaluable: {evidence.not_evaluable.patients}{status}")
    if evidence.assessments is not None:
        lines.append(scans_text(evidence.assessments))
    return lines


def _print_figures(evidence: Evidence, console: Console) -> None:
    table = new_table()
    table.add_column("", overflow="fold")
    for heading in ("published", "count", "status", "fitted"):
        table.add_column(heading, overflow="fold")
    for one in published(evidence):
        cells = (one.title, one.value, one.counted, one.status, "yes" if one.use else "no")
        table.add_row(*map(plain, cells))
    console.print(table)


def _print_scans(evidence: Evidence, console: Console) -> None:
    found = scans(evidence)
    if not found:
        return
    _heading(console, "Published times beside the nearest scans")
    table = new_table()
    table.add_column("", overflow="fold")
    for heading in ("months", "week of the scan", "days off"):
        table.add_column(heading, justify="right")
    for scan in found:
        cells = (scan.name, number(scan.months), number(scan.week), f"{scan.days_off:+.0f}")
        table.add_row(*map(plain, cells))
    console.print(table)


def _print_single(
    evidence: Evidence, console: Console, shapes: Mapping[str, Shape | None] | None
) -> None:
    """Print what single endpoints alone give: constant hazards and Weibull curves."""
    rates = [rate for name in evidence.figures for rate in exponential_rates(evidence, name)]
    curves = [c for endpoint in ("pfs", "os") for c in weibull_curves(evidence, endpoint)]
    if rates or curves:
        _heading(console, "One endpoint alone, progression as the scans show it")
    for rate in rates:
        say(console, f"  {_rate_text(rate, evidence)}")
    for curve in curves:
        points = " and ".join(f"{share:.4g} at {month:g}" for month, share in curve.points)
        say(
            console,
            f"  Weibull through {points} ({'; '.join(curve.figures)}): shape {curve.shape:.3g}, "
            f"scale {curve.scale_months:.3g} months",
        )
    for name, shape in (shapes or {}).items():
        say(console, f"  {_shape_text(name, shape)}")


def _rate_text(rate: Rate, evidence: Evidence) -> str:
    figure = evidence.figures[rate.figure]
    level = f"{100 * getattr(figure, 'level', 0.95):g}%"
    limits = f"{rate.lower:.3g} to {rate.upper:.3g}" if rate.lower else f"up to {rate.upper:.3g}"
    text = f"{rate.figure}: constant hazard {rate.rate:.3g} a month ({level} {limits}, "
    text += f"{HOW[rate.how]})"
    if isinstance(figure, Median):
        return text
    median = LOG_2 / rate.rate
    beyond = ""
    if median > evidence.follow_up.longest_possible:
        beyond = ", which is extrapolation: the longest follow-up is "
        beyond += f"{evidence.follow_up.range_months[1]}"
    return f"{text}; its median would be {median:.3g} months{beyond}"


def _shape_text(name: str, shape: Shape | None) -> str:
    if shape is None:
        return f"{name}: hardly any simulated trial has such a median with such limits"
    edge = ", cut off by the shapes that were tried" if shape.at_edge else ""
    return (
        f"{name}: Weibull shape {shape.value:.3g} ({shape.mcse:.1g}), 95% {shape.lower:.2g} to "
        f"{shape.upper:.2g}{edge}, from its median and limits by simulating the trial; the upper "
        f"limit is not reached in {100 * shape.not_reached:.0f}% of such trials"
    )


def _transition_text(transition: Transition) -> str:
    if transition.same_as is not None:
        text = f"as {transition.same_as}"
    else:
        keys = ("rate_per_month", "cumulative_hazard_at_12_months", "shape")
        words = ("rate a month", "cumulative hazard at 12 months", "shape")
        given = [(word, getattr(transition, key)) for key, word in zip(keys, words, strict=True)]
        text = ", ".join(_parameter_text(word, value) for word, value in given if value is not None)
    return f"{text}, clock from randomisation" if transition.clock == "forward" else text


def _parameter_text(word: str, value: Prior | float) -> str:
    if isinstance(value, Prior):
        return f"{word} {number(value.median)} (sd of the log {number(value.sd_log)})"
    return f"{word} {number(value)}, held"
