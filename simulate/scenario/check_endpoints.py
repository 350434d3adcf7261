"""The rules for the endpoints of a patient: which there are, and how they go together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import partial

from simulate.scenario.check_arms import check_apart, hazard_rule, steps_of
from simulate.scenario.draft import Draft
from simulate.scenario.endpoints import (
    BUILT_IN,
    OBSERVED,
    OS,
    PFS,
    RESPONSE,
    TIMES,
    Binary,
)
from simulate.scenario.latent import latent_table
from simulate.scenario.models import Arm
from simulate.scenario.progression import Infeasible, latent_progression
from simulate.scenario.reading import Finding, Path
from simulate.scenario.references import check_name, check_selector
from simulate.scenario.resolve import Cell, discounted, hazard_in, hazard_of

# Months before which survival is told to be too low from the start.
_EARLY = 0.1


def known_endpoints(draft: Draft) -> tuple[str, ...] | None:
    """Names of the endpoints of a scenario; None where there are none, or they cannot be told."""
    arms = draft.arms or {}
    if not arms or any(arm is None for arm in arms.values()) or draft.binary_endpoints is None:
        return None
    # With states, an endpoint that an arm does not have is none of the scenario.
    needs = all if any(arm.states for arm in arms.values() if arm) else any
    of_arms = [arm.endpoints for arm in arms.values() if arm]
    given = (name for name in BUILT_IN if needs(name in endpoints for endpoints in of_arms))
    return (*given, *draft.binary_endpoints) or None


def check_endpoints(draft: Draft, cells: tuple[Cell, ...] | None) -> Iterator[Finding]:
    """Check that the arms have the same endpoints, and their rates and correlations.

    Parameters
    ----------
    draft : Draft
        The sound pieces of a scenario.
    cells : tuple of Cell or None
        The cells of its strata; None when they cannot be told.

    Yields
    ------
    Finding
        What is wrong.
    """
    arms = {name: arm for name, arm in (draft.arms or {}).items() if arm is not None}
    for name in draft.binary_endpoints or {}:
        if name in BUILT_IN:
            rule = f"must not be '{name}', an endpoint with a table of its own in the arms"
            yield Finding(("binary_endpoints", name), rule)
        elif name in OBSERVED:
            rule = f"must not be '{name}', an endpoint that is made of others"
            yield Finding(("binary_endpoints", name), rule)
    for name, arm in arms.items():
        yield from _check_same(name, arm, arms, draft)
        if arm.response is not None:
            path: Path = ("arms", name, RESPONSE)
            yield from _check_rate(path, arm.response, draft, cells)
            rule = hazard_rule(partial(hazard_of, arm.response.time_to_response))
            if rule:
                yield Finding((*path, "time_to_response"), rule)
        for binary, table in arm.binary.items():
            at = ("arms", name, "binary", binary)
            yield from check_name(binary, draft.binary_endpoints, "a binary endpoint", at)
            yield from _check_rate(at, table, draft, cells)
    yield from _check_correlations(draft)


def _check_same(name: str, arm: Arm, arms: Mapping[str, Arm], draft: Draft) -> Iterator[Finding]:
    """Check that an arm has an endpoint, and all that the others have."""
    is_without = not any(a.endpoints for a in arms.values())
    if is_without and not arm.binary and draft.binary_endpoints == {}:
        yield Finding(("arms", name), "must have an endpoint", "", f"add [arms.{name}.pfs], say")
    for endpoint in BUILT_IN:
        others = [other for other, a in arms.items() if getattr(a, endpoint) is not None]
        if any(a.states for a in arms.values()):
            continue  # has rules of its own
        if others and getattr(arm, endpoint) is None:
            rule = f"must have the endpoint '{endpoint}', as the arm {others[0]} has"
            yield Finding(("arms", name), rule, "", f"add [arms.{name}.{endpoint}]")
    for binary in draft.binary_endpoints or {}:
        if binary not in arm.binary:
            rule = f"must have a rate of the binary endpoint '{binary}'"
            yield Finding(("arms", name), rule, "", f"add [arms.{name}.binary.{binary}]")


def _check_rate(
    path: Path, table: Binary, draft: Draft, cells: tuple[Cell, ...] | None
) -> Iterator[Finding]:
    """Check the strata of a rate."""
    wrong = [
        finding
        for key, entry in table.by_stratum.items()
        for finding in check_selector(
            entry.stratum, draft.strata, (*path, "by_stratum", key, "stratum")
        )
    ]
    yield from wrong
    if wrong or cells is None:
        return
    strata = {key: entry.stratum for key, entry in table.by_stratum.items()}
    yield from check_apart(path, strata, cells)


def _check_correlations(draft: Draft) -> Iterator[Finding]:
    """Check that the correlations are of endpoints there are, and can hold together."""
    chosen = draft.correlations
    known = known_endpoints(draft)
    if chosen is None or known is None:
        return
    needs = {
        "progression_os": TIMES,
        "progression_response": (PFS, RESPONSE),
        "os_response": (OS, RESPONSE),
    }
    for key, endpoints in needs.items():
        missing = [name for name in endpoints if name not in known]
        if getattr(chosen, key) != 0.0 and missing:
            rule = f"must be 0 or left out: the arms have no {' and no '.join(missing)}"
            yield Finding(("correlations", key), rule)
    a, b, c = chosen.progression_os, chosen.progression_response, chosen.os_response
    if 1.0 + 2.0 * a * b * c - a * a - b * b - c * c <= 0.0:
        room = math.sqrt((1.0 - a * a) * (1.0 - b * b))
        rule = "cannot hold with the other two: it must lie between "
        rule += f"{max(a * b - room, -1.0):.4g} and {min(a * b + room, 1.0):.4g}"
        yield Finding(("correlations", "os_response"), rule)
    for name, endpoint in (draft.binary_endpoints or {}).items():
        if endpoint is not None and endpoint.response_correlation and RESPONSE not in known:
            at = ("binary_endpoints", name, "response_correlation")
            yield Finding(at, "must be 0 or left out: the arms have no response")


def check_feasible(draft: Draft, cells: tuple[Cell, ...] | None) -> Iterator[Finding]:
    """Check that progression-free and overall survival can be those of one patient.

    Call it with sound arms only.
    """
    known, chosen = known_endpoints(draft), draft.correlations
    if known is None or chosen is None or cells is None or not {PFS, OS} <= set(known):
        return
    arms = {name: arm for name, arm in (draft.arms or {}).items() if arm is not None}
    if any(arm.states for arm in arms.values()):
        return
    tables = {
        e: {n: latent_table(getattr(arm, e), steps_of(n, draft)) for n, arm in arms.items()}
        for e in TIMES
    }
    seen = set()
    horizon = horizon_of(chosen.horizon_months, draft)
    for name, arm in arms.items():
        pairs = [
            [discounted(arm, hazard_in(tables[e], name, cell.levels)) for e in TIMES]
            for cell in cells
        ]
        for cell, (pfs, os) in zip(cells, pairs, strict=True):
            if (pfs, os) in seen:
                continue
            seen.add((pfs, os))
            found = latent_progression(pfs, os, chosen.progression_os, horizon)
            if isinstance(found, Infeasible):
                is_everywhere = pairs == pairs[:1] * len(pairs)
                where = "" if is_everywhere else f" where {cell.name}"
                yield _infeasible(name, where, found, chosen.progression_os)
                break


def horizon_of(horizon_months: float, draft: Draft) -> float:
    """Months up to which the distributions must hold together: nobody is followed longer."""
    limit = math.inf if draft.follow_up is None else draft.follow_up.maximum_months
    return min(horizon_months, limit)


def _infeasible(arm: str, where: str, found: Infeasible, rho: float) -> Finding:
    """Say why two distributions cannot be those of one patient."""
    levels = f"PFS {found.survival_pfs:.4g}, OS {found.survival_os:.4g}"
    if found.reason == "pfs_above_os":
        is_early = found.month < _EARLY
        since = "the start" if is_early else f"month {found.month:.4g} ({levels})"
        rule = f"must nowhere be below progression-free survival, as it is{where} from {since} on"
        remedy = "make survival longer or progression earlier"
        remedy += "" if is_early else ", or the horizon shorter"
        anchors: tuple[Path, ...] = (("arms", arm, PFS),)
        return Finding(("arms", arm, OS), rule, "", remedy, anchors)
    why = f"too many would have to die without progression by month {found.month:.4g} ({levels})"
    if found.lowest_rho is None:
        rule = f"cannot go with progression-free survival{where}: {why}"
        remedy = "use other distributions: no correlation up to 0.999 is feasible"
        return Finding(("arms", arm, OS), rule, "", remedy)
    remedy = f"use a correlation above {found.lowest_rho:.4f}, or other distributions"
    rule = f"cannot be {rho:g}: in arm {arm}{where} {why}"
    return Finding(("correlations", "progression_os"), rule, f"{rho:g}", remedy)
