"""The rules for hypotheses and estimates: what each is about, and when and how it is judged."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from simulate.scenario.check_endpoints import known_endpoints
from simulate.scenario.check_observed import check_known
from simulate.scenario.draft import Draft
from simulate.scenario.endpoints import (
    DISEASE_CONTROL,
    OBSERVED,
    OF_PATIENTS,
    OF_RESPONDERS,
    READINGS,
    TIME_TO_RESPONSE,
)
from simulate.scenario.hypotheses import BINARY_KINDS, ArmEstimate, Hypothesis
from simulate.scenario.reading import Finding, Path, quoted
from simulate.scenario.references import check_distinct, check_name

# Names that results have for themselves.
OVERALL = "overall"
ANY = "any"
ALL = "all"
# All of these times are seen to happen, so that they need no curve.
OF_SEEN_TIMES = ("median", "survival", "minimum", "maximum")


def check_hypotheses(draft: Draft) -> Iterator[Finding]:
    """Check what each hypothesis compares, when, and at which level.

    Parameters
    ----------
    draft : Draft
        The sound pieces of a scenario.

    Yields
    ------
    Finding
        What is wrong.
    """
    for name in draft.analyses or {}:
        if name == OVERALL:
            rule = f"must not be '{OVERALL}', which in results is the end of the trial"
            yield Finding(("analyses", name), rule)
    for name, hypothesis in (draft.hypotheses or {}).items():
        path = ("hypotheses", name)
        if name in {ANY, ALL}:
            rule = f"must not be '{name}', which in results stands for several hypotheses"
            yield Finding(path, rule)
        if hypothesis is None:
            continue
        yield from _check_arms_of(path, hypothesis, draft)
        yield from _check_endpoint(path, hypothesis, draft)
        if hypothesis.test.stratified and draft.strata == {}:
            rule = "needs [strata], and there are none"
            yield Finding((*path, "test", "stratified"), rule, remedy="set it to false")
        if draft.analyses:
            yield from _check_looks_of(path, hypothesis, list(draft.analyses))
            yield from _check_level(path, hypothesis)


def check_estimates(draft: Draft) -> Iterator[Finding]:
    """Check what each estimate is of.

    Parameters
    ----------
    draft : Draft
        The sound pieces of a scenario.

    Yields
    ------
    Finding
        What is wrong.
    """
    for name, estimate in (draft.estimates or {}).items():
        path = ("estimates", name)
        if name in {ANY, ALL}:
            rule = f"must not be '{name}', which in results stands for several hypotheses"
            yield Finding(path, rule)
        elif name in (draft.hypotheses or {}):
            rule = "must not have the name of a hypothesis: results tell the two apart by name"
            yield Finding(path, rule, f"'{name}'")
        if estimate is None:
            continue
        yield from check_name(estimate.arm, draft.arms, "an arm", (*path, "arm"))
        yield from _check_estimated(path, estimate, draft)
        if draft.analyses:
            yield from _check_looks_of(path, estimate, list(draft.analyses))


def _check_arms_of(path: Path, hypothesis: Hypothesis, draft: Draft) -> Iterator[Finding]:
    """Check the arms of a hypothesis, and that they are as many as its test is of."""
    arms, n_arms = hypothesis.arms, hypothesis.test.n_arms
    for role, arm in zip(("experimental", "control"), arms.names, strict=False):
        yield from check_name(arm, draft.arms, "an arm", (*path, "arms", role))
    if arms.experimental == arms.control:
        yield Finding((*path, "arms", "control"), "must differ from the experimental arm")
    if n_arms == 2 and arms.control is None:
        rule = "required key is missing"
        remedy = f"a test of kind '{hypothesis.test.kind}' compares two arms"
        yield Finding((*path, "arms", "control"), rule, remedy=remedy)
    elif n_arms == 1 and arms.control is not None:
        rule = f"must be left out: a test of kind '{hypothesis.test.kind}' is about one arm"
        yield Finding((*path, "arms", "control"), rule)


def _check_endpoint(path: Path, hypothesis: Hypothesis, draft: Draft) -> Iterator[Finding]:
    """Check that the endpoint exists and is of the kind that the test is for."""
    endpoint, at = hypothesis.endpoint, (*path, "endpoint")
    if endpoint in OF_RESPONDERS:
        rule = f"cannot be '{endpoint}', which is known of responders only and not compared"
        yield Finding(at, rule, remedy="estimate it in each arm, in [estimates]")
        return
    wrong = list(check_known(at, endpoint, (DISEASE_CONTROL, *READINGS), draft))
    yield from wrong
    if not wrong and known_endpoints(draft) is not None:
        of_times = hypothesis.test.of_times
        yield from _check_kind((*path, "test", "kind"), endpoint, of_times, BINARY_KINDS)


def _check_estimated(path: Path, estimate: ArmEstimate, draft: Draft) -> Iterator[Finding]:
    """Check that the endpoint of an estimate exists and is of its kind."""
    endpoint, at = estimate.endpoint, (*path, "kind")
    wrong = list(check_known((*path, "endpoint"), endpoint, OBSERVED, draft))
    yield from wrong
    if wrong or known_endpoints(draft) is None:
        return
    if endpoint == TIME_TO_RESPONSE and estimate.kind not in OF_SEEN_TIMES:
        rule = f"must be one of {quoted(OF_SEEN_TIMES)} for '{endpoint}', of which none is censored"
        yield Finding(at, rule)
        return
    yield from _check_kind(at, endpoint, estimate.kind != "rate", ("rate",))


def _check_kind(
    path: Path, endpoint: str, of_times: bool, binary: tuple[str, ...]
) -> Iterator[Finding]:
    """Check that a kind, for times or one of the binary ones, is for such an endpoint."""
    times = (*OF_PATIENTS, *OF_RESPONDERS)
    if of_times and endpoint not in times:
        rule = f"must be for a binary endpoint, which '{endpoint}' is"
        yield Finding(path, rule, remedy=f"use {' or '.join(binary)}")
    elif not of_times and endpoint in times:
        rule = f"must be for a time to an event, which '{endpoint}' is"
        yield Finding(path, rule, remedy=f"use another than {' and '.join(binary)}")


def _check_looks_of(
    path: Path, user: Hypothesis | ArmEstimate, planned: list[str]
) -> Iterator[Finding]:
    """Check the analyses of a hypothesis or an estimate."""
    looks, at = user.analyses, (*path, "analyses")
    if not looks:
        rule = "required key is missing where the scenario has several analyses"
        yield Finding(at, rule, remedy=f"name some of {', '.join(planned)}")
        return
    for i, look in enumerate(looks):
        yield from check_name(look, planned, "an analysis", (*at, i))
    yield from check_distinct(looks, at)
    positions = [planned.index(look) for look in looks if look in planned]
    if any(later < earlier for earlier, later in pairwise(positions)):
        yield Finding(at, f"must follow the order of [analyses]: {', '.join(planned)}")


def _check_level(path: Path, hypothesis: Hypothesis) -> Iterator[Finding]:
    """Check the level of a hypothesis at its analyses."""
    looks = hypothesis.analyses
    if hypothesis.alpha is not None and len(looks) > 1:
        rule = "cannot be spent over several looks: a spending function is not available yet"
        remedy = f"name critical_values instead, the z of each of the {len(looks)} looks"
        yield Finding((*path, "alpha"), rule, remedy=remedy)
    values = hypothesis.critical_values
    if looks and values is not None and len(values) != len(looks):
        rule = f"must have one value for each look, {len(looks)} in all"
        yield Finding((*path, "critical_values"), rule)


def check_stopping(draft: Draft) -> Iterator[Finding]:
    """Check that the hypotheses named for stopping exist.

    Parameters
    ----------
    draft : Draft
        The sound pieces of a scenario.

    Yields
    ------
    Finding
        What is wrong.
    """
    path = ("stopping", "hypotheses")
    if draft.stopping is None:
        return
    named = draft.stopping.hypotheses
    if draft.hypotheses and not named:
        yield Finding(path, "must have at least 1 entry", "[]", "or leave it out: all count")
    for i, name in enumerate(named):
        yield from check_name(name, draft.hypotheses, "a hypothesis", (*path, i))
    yield from check_distinct(named, path)
