"""Contradictions of published percentages: counts that cannot be, or cannot be together."""

from __future__ import annotations

from collections.abc import Iterator

from simulate.calibration.counts import (
    controlled,
    counts_of_interval,
    counts_of_rounding,
    denominators,
    figure_of,
    responders,
)
from simulate.calibration.evidence import Evidence
from simulate.calibration.figures import (
    DISEASE_CONTROL,
    DURATION,
    RESPONSE,
    TIME_TO_RESPONSE,
    Proportion,
    ShareEventFree,
    WithCount,
)
from simulate.design.proportions import clopper_pearson
from simulate.scenario.reading import Finding

MOST_SHOWN = 3


def check_counts(evidence: Evidence) -> Iterator[Finding]:
    """Check every percentage by itself, and responders against disease control.

    Parameters
    ----------
    evidence : Evidence
        Evidence whose tables are sound.

    Yields
    ------
    Finding
        What cannot be, with the arithmetic.
    """
    wrong = [
        finding
        for name, figure in evidence.figures.items()
        if isinstance(figure, Proportion | ShareEventFree)
        for finding in _check_figure(name, figure, evidence)
    ]
    yield from wrong
    if not wrong:
        yield from _check_together(evidence)


def _check_figure(
    name: str, figure: Proportion | ShareEventFree, evidence: Evidence
) -> Iterator[Finding]:
    path, patients = ("figures", name), evidence.trial.patients
    if figure.denominator is not None and figure.denominator > patients:
        yield Finding((*path, "denominator"), f"must be at most the {patients} patients")
        return
    if isinstance(figure, ShareEventFree):
        if figure.method != "raw":
            return
        if not denominators(figure, evidence):
            # A response rate that is wrong is told of where it stands.
            if figure.use and figure_of(evidence.used.values(), RESPONSE) is None:
                rule = "needs the number of responders: a response rate in use, or a 'denominator'"
                yield Finding(path, rule, "")
            return
        known = responders(evidence)
        if figure.endpoint == DURATION and known and figure.denominator not in {None, *known}:
            rule = f"must be the number of responders, {_words(known)}"
            yield Finding((*path, "denominator"), rule)
            return
    yield from _check_percent(name, figure, denominators(figure, evidence))


def _check_percent(name: str, figure: WithCount, of: tuple[int, ...]) -> Iterator[Finding]:
    """Check that a whole number of patients gives the percentage and its interval."""
    path = ("figures", name)
    if figure.count is not None and figure.count > max(of):
        yield Finding((*path, "count"), f"must be at most the {max(of)} patients that it is of")
        return
    rounded = {n: counts_of_rounding(figure, n) for n in of}
    if not any(rounded.values()):
        yield _no_count(name, figure, of)
        return
    if not any(counts_of_interval(figure, counts, n) for n, counts in rounded.items()):
        shown = [
            f"{count} of {n} have {100 * low:.1f} to {100 * high:.1f}"
            for n, counts in rounded.items()
            for count, low, high in zip(
                counts, *clopper_pearson(counts, n, figure.level), strict=True
            )
        ]
        rule = (
            f"must be the exact {100 * figure.level:g}% interval of a count that rounds to "
            f"{figure.percent}%: {'; '.join(shown[:MOST_SHOWN])}{'; …' if shown[3:] else ''}"
        )
        remedy = 'or say interval_method = "other" if it was made otherwise'
        yield Finding((*path, "interval_percent"), rule, None, remedy)


def _no_count(name: str, figure: WithCount, of: tuple[int, ...]) -> Finding:
    """Say that no whole number gives a percentage, and which come near it."""
    path = ("figures", name)
    n = of[0]
    if figure.count is not None:
        share = f"{100 * figure.count / n:.2f}%"
        return Finding((*path, "percent"), f"must be {share}, which {figure.count} of {n} are")
    below = int(figure.percent * n / 100.0)
    near = " and ".join(f"{x} are {100 * x / n:.2f}%" for x in (below, below + 1) if x <= n)
    rule = f"must be a whole number of {_words(of)} patients: {near}"
    return Finding((*path, "percent"), rule)


def _check_together(evidence: Evidence) -> Iterator[Finding]:
    """Check responders, disease control and patients not evaluable against each other."""
    used = evidence.used
    names = {id(figure): name for name, figure in used.items()}
    response = figure_of(used.values(), RESPONSE)
    control = figure_of(used.values(), DISEASE_CONTROL)
    n_response, n_control = responders(evidence), controlled(evidence)
    if response is not None and control is not None and min(n_response) > max(n_control):
        rule = (
            f"must be at least the response rate: {_words(n_control)} with disease control, but "
            f"{_words(n_response)} responders, who all have it"
        )
        path = ("figures", names[id(control)], "percent")
        yield Finding(path, rule, anchors=(("figures", names[id(response)], "percent"),))
    if control is not None and min(n_control) + evidence.n_not_evaluable > evidence.trial.patients:
        most = evidence.trial.patients - min(n_control)
        rule = (
            f"must be at most {most}: {min(n_control)} of {evidence.trial.patients} patients have "
            "disease control, for which they were evaluable"
        )
        yield Finding(("not_evaluable", "patients"), rule)
    if response is not None and max(n_response) == 0:
        for name, figure in used.items():
            if getattr(figure, "endpoint", "") in {DURATION, TIME_TO_RESPONSE}:
                yield Finding(("figures", name), "must be left out: nobody responded", "")


def _words(counts: tuple[int, ...]) -> str:
    """A number that is known, or the range in which it is."""
    return str(counts[0]) if len(counts) == 1 else f"{min(counts)} to {max(counts)}"
