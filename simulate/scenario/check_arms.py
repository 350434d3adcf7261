"""The rules for arms: whom they are relative to, and which distribution holds in which cell."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import product

from simulate.scenario.assessed import Steps
from simulate.scenario.distributions import Relative
from simulate.scenario.draft import Draft
from simulate.scenario.endpoints import OS, PFS, TIMES
from simulate.scenario.hazards import Hazard
from simulate.scenario.kinds import EndpointByStratum, EndpointDistribution, StratumDistribution
from simulate.scenario.latent import is_observed, latent_definition, latent_table
from simulate.scenario.models import Arm
from simulate.scenario.reading import Finding, Path
from simulate.scenario.references import check_name, check_selector
from simulate.scenario.resolve import Cell, definition_in, hazard_in, hazard_of, is_in
from simulate.scenario.states import TRANSITIONS
from simulate.scenario.tabulation import ShapeError

# A Weibull shape beyond these is a slip of the pen, and overflows in floating point.
_SHAPES = (0.01, 100.0)

Tables = Mapping[str, EndpointDistribution]
Definition = EndpointDistribution | StratumDistribution


def check_arms(draft: Draft, cells: tuple[Cell, ...] | None) -> Iterator[Finding]:
    """Check the arms' distributions against each other and against the strata.

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
    arms = draft.arms or {}
    for endpoint in (*TIMES, *TRANSITIONS):
        yield from _check_times(endpoint, draft, cells)
    for name, arm in arms.items():
        if arm is not None and arm.dropout is not None:
            rule = hazard_rule(partial(hazard_of, arm.dropout))
            if rule:
                yield Finding(("arms", name, "dropout"), rule)


def _check_times(endpoint: str, draft: Draft, cells: tuple[Cell, ...] | None) -> Iterator[Finding]:
    """Check the distributions of a time to an event."""
    arms = draft.arms or {}
    given = {name: _table(arm, endpoint) for name, arm in arms.items() if arm is not None}
    written = {name: table for name, table in given.items() if table is not None}
    unseen = [f for name in written for f in _check_scales(endpoint, name, written[name], draft)]
    if unseen:
        yield from unseen
        return
    tables = {name: latent_table(table, steps_of(name, draft)) for name, table in written.items()}
    wrong = [
        finding
        for name in tables
        for finding in _check_references(endpoint, name, tables[name], draft)
    ]
    if cells is not None and not wrong:
        for name, table in tables.items():
            wrong.extend(_check_coverage(endpoint, name, table, cells))
        if not wrong and None not in arms.values() and _is_closed(endpoint, tables):
            wrong.extend(
                _check_circles(endpoint, tables, cells) or _check_hazards(endpoint, tables, cells)
            )
    yield from wrong


def _table(arm: Arm, endpoint: str) -> EndpointDistribution | None:
    """An arm's table for an endpoint, or for a transition of its states."""
    holder = arm.states if endpoint in TRANSITIONS else arm
    found: EndpointDistribution | None = getattr(holder, endpoint, None)
    return found


def path_of(arm: str, endpoint: str) -> Path:
    """Where an arm's table for an endpoint stands, or for a transition of its states."""
    states = ("states",) if endpoint in TRANSITIONS else ()
    return ("arms", arm, *states, endpoint)


def steps_of(arm: str, draft: Draft) -> Steps | None:
    """Steps of an arm's schedule of scans, in days; None where there is none."""
    own = (draft.arms or {}).get(arm)
    chosen = (None if own is None else own.assessments) or draft.assessments
    return None if chosen is None else chosen.steps_in_days


def _check_scales(
    endpoint: str, arm: str, table: EndpointDistribution, draft: Draft
) -> Iterator[Finding]:
    """Check that scans can show the figures that are said to be seen through them."""
    steps = steps_of(arm, draft)
    for path, definition in _definitions(endpoint, arm, table):
        if not is_observed(definition):
            continue
        if endpoint != PFS:
            why = "deaths are seen on their day" if endpoint == OS else "no scan shows a transition"
            rule = f"must be 'latent' or left out: {why}"
            yield Finding((*path, "scale"), rule)
        elif steps is None:
            remedy = "add [assessments] with the schedule of the scans"
            yield Finding((*path, "scale"), "needs a schedule of scans", remedy=remedy)
        else:
            try:
                latent_definition(definition, steps)
            except ValueError as error:
                yield Finding(path, f"must have figures that scans can show: {error}", "")


def _definitions(
    endpoint: str, arm: str, table: EndpointDistribution
) -> Iterator[tuple[Path, Definition]]:
    """Every distribution of an arm's table, and where it stands."""
    path = path_of(arm, endpoint)
    if not isinstance(table, EndpointByStratum):
        yield path, table
    for key, entry in table.by_stratum.items():
        yield (*path, "by_stratum", key), entry


def _is_closed(endpoint: str, tables: Tables) -> bool:
    """Whether every arm that one is relative to has a table, too."""
    return all(
        definition.relative_to in tables
        for name, table in tables.items()
        for _, definition in _definitions(endpoint, name, table)
        if isinstance(definition, Relative)
    )


def _check_references(
    endpoint: str, arm: str, table: EndpointDistribution, draft: Draft
) -> Iterator[Finding]:
    """Check that the arms, factors and levels named exist."""
    for path, definition in _definitions(endpoint, arm, table):
        if isinstance(definition, Relative):
            others = None if draft.arms is None else [name for name in draft.arms if name != arm]
            other = definition.relative_to
            unknown = list(check_name(other, others, "another arm", (*path, "relative_to")))
            yield from unknown
            named = (draft.arms or {}).get(other)
            # That an arm lacks an endpoint that others have is told elsewhere.
            is_told = endpoint not in TRANSITIONS and named is not None and named.states is None
            if not (unknown or is_told or named is None) and _table(named, endpoint) is None:
                rule = f"must be an arm with a table for this, and {other} has none"
                yield Finding((*path, "relative_to"), rule)
    for key, entry in table.by_stratum.items():
        path = (*path_of(arm, endpoint), "by_stratum", key, "stratum")
        yield from check_selector(entry.stratum, draft.strata, path)


def _check_coverage(
    endpoint: str, arm: str, table: EndpointDistribution, cells: tuple[Cell, ...]
) -> Iterator[Finding]:
    """Check that exactly one distribution holds in every cell."""
    path = path_of(arm, endpoint)
    strata = {key: entry.stratum for key, entry in table.by_stratum.items()}
    yield from check_apart(path, strata, cells)
    for cell in cells:
        is_covered = any(is_in(cell.levels, stratum) for stratum in strata.values())
        if not is_covered and isinstance(table, EndpointByStratum):
            rule = f"must cover every cell: none of its entries by_stratum matches {cell.name}"
            remedy = "add an entry, or a distribution to fall back on"
            yield Finding(path, rule, "", remedy)
            return


def check_apart(
    path: Path, strata: Mapping[str, Mapping[str, str]], cells: tuple[Cell, ...]
) -> Iterator[Finding]:
    """Check that no cell is in two of the strata that a table's ``by_stratum`` names."""
    clashes = set()
    for cell in cells:
        keys = [key for key, stratum in strata.items() if is_in(cell.levels, stratum)]
        for key in keys[1:]:
            if key not in clashes:
                clashes.add(key)
                rule = f"must not match a cell that by_stratum.{keys[0]} matches too ({cell.name})"
                yield Finding((*path, "by_stratum", key, "stratum"), rule)


def _check_circles(endpoint: str, tables: Tables, cells: tuple[Cell, ...]) -> list[Finding]:
    """Check that no arm is relative to itself by way of others, in any cell."""
    found = {}
    for cell in cells:
        for arm in tables:
            chain = _chain(tables, arm, cell)
            circle = frozenset(chain)
            if chain[-1] == arm and len(chain) > 1 and circle not in found:
                rule = f"must not lead back to the arm itself ({' → '.join(chain)})"
                path = (*_path_in(endpoint, tables, arm, cell), "relative_to")
                found[circle] = Finding(path, rule)
    return list(found.values())


def _chain(tables: Tables, arm: str, cell: Cell) -> list[str]:
    """Arms that an arm is relative to, one after the other, until one repeats or stands alone."""
    chain = [arm]
    while isinstance(definition := definition_in(tables[chain[-1]], cell.levels), Relative):
        chain.append(definition.relative_to)
        if chain[-1] in chain[:-1]:
            break
    return chain


def _path_in(endpoint: str, tables: Tables, arm: str, cell: Cell) -> Path:
    """Where the distribution that holds in a cell stands."""
    holds = definition_in(tables[arm], cell.levels)
    return next(
        path for path, definition in _definitions(endpoint, arm, tables[arm]) if definition is holds
    )


def _check_hazards(endpoint: str, tables: Tables, cells: tuple[Cell, ...]) -> list[Finding]:
    """Check that the figures give hazards that a computer can hold."""
    found: dict[Path, Finding] = {}
    for cell, arm in product(cells, tables):
        # From the arm that stands alone on: an arm relative to a broken one is no second problem.
        for link in reversed(_chain(tables, arm, cell)):
            path = _path_in(endpoint, tables, link, cell)
            if path in found:
                break
            rule = hazard_rule(partial(hazard_in, tables, link, cell.levels))
            if rule:
                found[path] = Finding(path, rule)
                break
    return list(found.values())


def hazard_rule(build: Callable[[], Hazard]) -> str:
    """Name the rule that a hazard breaks; empty when it is sound."""
    rule = "must give hazards that are neither 0 nor infinite; its figures are too extreme"
    try:
        hazard = build()
    except ShapeError as error:
        return str(error)
    except (OverflowError, ZeroDivisionError, ValueError):
        return rule
    low, high = _SHAPES
    if not low <= hazard.shape <= high:
        return f"must give a Weibull shape from {low:g} to {high:g}, not {hazard.shape:.4g}"
    figures = (hazard.scale_months, *hazard.slopes)
    if not all(map(math.isfinite, figures)) or hazard.scale_months <= 0 or not any(hazard.slopes):
        return rule
    return ""
