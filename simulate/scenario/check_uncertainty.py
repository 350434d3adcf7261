"""The rules for uncertain arms: what their distributions can stand beside."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from simulate.scenario.check_arms import path_of
from simulate.scenario.check_endpoints import known_endpoints
from simulate.scenario.draft import Draft
from simulate.scenario.endpoints import TIMES
from simulate.scenario.kinds import EndpointDistribution
from simulate.scenario.latent import is_observed
from simulate.scenario.models import Arm
from simulate.scenario.reading import Finding, Path
from simulate.scenario.resolve import Cell, chain_in, composite_in, own_median
from simulate.scenario.states import TRANSITIONS
from simulate.scenario.uncertainty import Uncertainty, uncertainty_of

Tables = Mapping[str, EndpointDistribution]


def check_uncertainty(draft: Draft, cells: tuple[Cell, ...]) -> Iterator[Finding]:
    """Check how uncertain arms are, and how many truths stand for that.

    Call it with sound arms only.

    Parameters
    ----------
    draft : Draft
        The sound pieces of a scenario.
    cells : tuple of Cell
        The cells of its strata.

    Yields
    ------
    Finding
        What is wrong.
    """
    arms = {name: arm for name, arm in (draft.arms or {}).items() if arm is not None}
    is_uncertain = False
    for name, arm in arms.items():
        if arm.discount is not None and arm.states is not None:
            rule = "must be left out: an arm with states has a discount in them"
            yield Finding(("arms", name, "discount"), rule, remedy="write it as states.discount")
        for transition in TRANSITIONS:
            if uncertainty_of(arm.states, transition) is not None:
                rule = "must be left out of a transition"
                remedy = "name an ensemble of the states, or give the arm a table pfs instead"
                path: Path = (*path_of(name, transition), "uncertainty")
                yield Finding(path, rule, "", remedy)
        for endpoint in TIMES:
            found = uncertainty_of(arm, endpoint)
            if found is not None:
                is_uncertain = True
                path = ("arms", name, endpoint)
                yield from _check_table(path, getattr(arm, endpoint), found)
    if is_uncertain:
        yield from _check_joint(arms, draft, cells)
    yield from _check_members(arms, draft, is_uncertain=is_uncertain)


def _check_table(path: Path, table: EndpointDistribution, found: Uncertainty) -> Iterator[Finding]:
    """Check that an interval is of the table's own median."""
    interval = found.median_months_interval
    at = (*path, "uncertainty", "median_months_interval")
    if interval is None:
        if found.level is not None:
            rule = "must be left out: it is the level of a median_months_interval"
            yield Finding((*path, "uncertainty", "level"), rule)
        return
    if is_observed(table):
        rule = "must be of latent medians: the table's figures are those seen through scans"
        yield Finding(at, rule, remedy="use latent figures, or sd_log_time")
        return
    median = own_median(table, math.log, math.exp)
    if not interval[0] < median < interval[1]:
        rule = f"must hold the median of the table's own figures, {median:.6g} months"
        yield Finding(at, rule)


def _check_joint(
    arms: Mapping[str, Arm], draft: Draft, cells: tuple[Cell, ...]
) -> Iterator[Finding]:
    """Check that no arm has tables that would have to be made anew for every truth."""
    known = known_endpoints(draft) or ()
    has_states = any(arm.states is not None for arm in arms.values())
    for endpoint in TIMES:
        tables = {n: getattr(arm, endpoint) for n, arm in arms.items() if getattr(arm, endpoint)}
        uncertain = [name for name in tables if uncertainty_of(arms[name], endpoint)]
        for name in uncertain:
            path: Path = ("arms", name, endpoint, "uncertainty")
            if set(TIMES) <= set(known) and not has_states:
                rule = (
                    "cannot stand where arms have both PFS and OS: how they go together would have "
                    "to be tabulated anew for every truth"
                )
                yield Finding(path, rule, "", "use a multi-state model, or one of the endpoints")
                continue
            follower = _composite_on(tables, name, cells)
            if follower:
                which = "it" if follower == name else f"the arm {follower}, which follows it,"
                rule = f"cannot stand: {which} has frailty, a cured fraction or a mixture"
                yield Finding(path, rule, "")


def _composite_on(tables: Tables, uncertain: str, cells: tuple[Cell, ...]) -> str:
    """First arm that stands on an uncertain one and is no plain hazard; empty if there is none."""
    for name in tables:
        for cell in cells:
            on_it = chain_in(tables, name, cell.levels)[-1] == uncertain
            if on_it and not composite_in(tables, name, cell.levels).is_plain:
                return name
    return ""


def _check_members(
    arms: Mapping[str, Arm], draft: Draft, *, is_uncertain: bool
) -> Iterator[Finding]:
    """Check that the number of truths is one that can be chosen."""
    members = None if draft.simulation is None else draft.simulation.members
    sizes = {
        name: arm.states.n_members
        for name, arm in arms.items()
        if arm.states is not None and arm.states.n_members > 1
    }
    if members is None:
        return
    path = ("simulation", "members")
    if sizes:
        name, size = next(iter(sizes.items()))
        if members != size:
            rule = f"must be left out, or be that of the ensemble of the arm {name}, {size:,}"
            yield Finding(path, rule)
    elif not is_uncertain and None not in (draft.arms or {}).values():
        rule = "must be left out: no arm has an ensemble or an uncertainty"
        yield Finding(path, rule)
