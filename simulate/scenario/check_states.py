"""The rules for multi-state models: what they need, and what can stand beside them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from simulate.scenario.check_arms import hazard_rule
from simulate.scenario.draft import Draft
from simulate.scenario.endpoints import BUILT_IN, PFS, Correlations
from simulate.scenario.models import Arm
from simulate.scenario.reading import Finding
from simulate.scenario.resolve import hazard_of
from simulate.scenario.states import (
    CLOCKED,
    PROGRESSION_TO_DEATH,
    RESPONSE_TO_DEATH,
    RESPONSE_TO_PROGRESSION,
    STABLE_TO_PROGRESSION,
    STABLE_TO_RESPONSE,
    TRANSITIONS,
    States,
)


def check_states(draft: Draft) -> Iterator[Finding]:
    """Check the arms' multi-state models against each other and the rest of the scenario.

    Parameters
    ----------
    draft : Draft
        The sound pieces of a scenario.

    Yields
    ------
    Finding
        What is wrong.
    """
    arms = {name: arm for name, arm in (draft.arms or {}).items() if arm is not None}
    with_states = {name: arm.states for name, arm in arms.items() if arm.states is not None}
    if not with_states:
        return
    for name, states in with_states.items():
        yield from _check_one(name, arms[name], states)
    first = next(iter(with_states))
    for name, arm in arms.items():
        if name not in with_states:
            yield from _check_plain(name, arm, first)
    yield from _check_alike(with_states)
    if draft.correlations is not None and draft.correlations != Correlations():
        rule = f"must be left out: the states of the arm {first} say how endpoints go together"
        yield Finding(("correlations",), rule, "")
    for name, endpoint in (draft.binary_endpoints or {}).items():
        if endpoint is not None and endpoint.response_correlation:
            path = ("binary_endpoints", name, "response_correlation")
            rule = (
                f"must be 0 or left out: the arm {first} has states, and response no normal score"
            )
            yield Finding(path, rule)


def _check_one(name: str, arm: Arm, states: States) -> Iterator[Finding]:
    """Check one arm's model."""
    path = ("arms", name, "states")
    for endpoint in BUILT_IN:
        if getattr(arm, endpoint) is not None:
            rule = f"must be left out: it follows from the states of the arm {name}"
            yield Finding(("arms", name, endpoint), rule, "")
    tables = [n for n in TRANSITIONS if getattr(states, n) is not None]
    if states.ensemble is not None or states.members:
        for transition in tables:
            rule = "must be left out: the ensemble has the transitions"
            yield Finding((*path, transition), rule, "")
        return
    if STABLE_TO_PROGRESSION not in tables:
        rule = f"must have the table '{STABLE_TO_PROGRESSION}'"
        yield Finding(path, rule, "", "add it, or name an ensemble")
    needs = {
        RESPONSE_TO_PROGRESSION: STABLE_TO_RESPONSE,
        RESPONSE_TO_DEATH: STABLE_TO_RESPONSE,
        PROGRESSION_TO_DEATH: STABLE_TO_PROGRESSION,
    }
    for transition, before in needs.items():
        if transition in tables and before not in tables:
            rule = f"needs the table '{before}': nobody enters the state"
            yield Finding((*path, transition), rule, "")
    for transition in states.clocks:
        if transition not in tables:
            rule = f"needs the table '{transition}'"
            yield Finding((*path, "clocks", transition), rule)
    if states.discontinuation is not None:
        rule = hazard_rule(partial(hazard_of, states.discontinuation))
        if rule:
            yield Finding((*path, "discontinuation"), rule)


def _check_plain(name: str, arm: Arm, other: str) -> Iterator[Finding]:
    """Check an arm without states beside one with them."""
    for endpoint in BUILT_IN:
        if endpoint != PFS and getattr(arm, endpoint) is not None:
            rule = f"must be left out, or follow from states as in the arm {other}"
            yield Finding(("arms", name, endpoint), rule, "", f"add [arms.{name}.states] instead")
    if arm.pfs is None:
        rule = f"must have states, as the arm {other} has, or progression-free survival"
        yield Finding(("arms", name), rule, "", f"add [arms.{name}.pfs]")


def _check_alike(models: dict[str, States]) -> Iterator[Finding]:
    """Check what must be the same in all models: clocks, and the size of ensembles."""
    for transition in CLOCKED:
        users = [name for name, states in models.items() if transition in states.given]
        for name in users[1:]:
            if models[name].clock(transition) != models[users[0]].clock(transition):
                rule = f"must be the clock of the arm {users[0]}"
                yield Finding(("arms", name, "states", "clocks"), rule)
    sizes = {name: states.n_members for name, states in models.items() if states.members}
    for name, size in sizes.items():
        known, expected = next(iter(sizes.items()))
        if size != expected:
            rule = f"must have as many members as that of the arm {known}, {expected}"
            yield Finding(("arms", name, "states", "ensemble"), rule, f"{size} members")
