"""The rules that span tables; each sees what is sound of a draft and repeats no problem."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from simulate.scenario.check_arms import check_arms
from simulate.scenario.check_endpoints import check_endpoints, check_feasible
from simulate.scenario.check_hypotheses import check_estimates, check_hypotheses, check_stopping
from simulate.scenario.check_looks import check_analyses
from simulate.scenario.check_observed import check_assessments
from simulate.scenario.check_plug_in import check_plug_ins
from simulate.scenario.check_states import check_states
from simulate.scenario.check_study import check_study
from simulate.scenario.check_uncertainty import check_uncertainty
from simulate.scenario.draft import Draft
from simulate.scenario.models import Factor, JointPrevalence, Randomisation
from simulate.scenario.reading import Finding
from simulate.scenario.references import check_selector
from simulate.scenario.resolve import Cell, cells_of, is_in
from simulate.scenario.tables import NAME_RULE, is_name

MAX_CELLS = 256
MAX_ARRANGEMENTS = 200_000
# No block of more patients has few enough arrangements, whatever the ratio (1 to 20 an arm).
_LARGEST_BLOCK = 100


def cross_checks(draft: Draft) -> Iterator[Finding]:
    """Check everything that involves more than one table.

    Parameters
    ----------
    draft : Draft
        The sound pieces of a scenario, defaults filled.

    Yields
    ------
    Finding
        What is wrong.
    """
    wrong = list(_checks(draft))
    yield from wrong
    if not wrong:
        yield from check_plug_ins(draft, _checks)
    yield from check_study(draft)


def _checks(draft: Draft) -> Iterator[Finding]:
    """Check everything but the plug-ins."""
    cells = _known_cells(draft)
    yield from _check_factors(draft)
    if draft.joint_prevalence:
        yield from _check_joint(draft.joint_prevalence, draft, cells)
    wrong = [*check_arms(draft, cells), *check_states(draft), *check_endpoints(draft, cells)]
    wrong += check_assessments(draft)
    yield from wrong
    if not wrong:
        yield from check_uncertainty(draft, cells or ())
        yield from check_feasible(draft, cells)
    if draft.randomisation is not None:
        yield from _check_randomisation(draft.randomisation, draft)
    yield from check_analyses(draft)
    yield from check_hypotheses(draft)
    yield from check_estimates(draft)
    yield from check_stopping(draft)


def _sound_strata(draft: Draft) -> dict[str, Factor] | None:
    """Take the factors, or None when one is broken."""
    factors = {name: f for name, f in (draft.strata or {}).items() if f is not None}
    return factors if draft.strata is not None and len(factors) == len(draft.strata) else None


def _known_cells(draft: Draft) -> tuple[Cell, ...] | None:
    """Take the product of the factors, or None when it cannot be told."""
    factors = _sound_strata(draft)
    if factors is None or _n_cells(factors) > MAX_CELLS:
        return None
    return cells_of(factors, {})


def _n_cells(factors: Mapping[str, Factor]) -> int:
    return math.prod(len(factor.prevalences) for factor in factors.values())


def _check_factors(draft: Draft) -> Iterator[Finding]:
    for name, factor in (draft.strata or {}).items():
        if factor is None:
            continue
        path = ("strata", name)
        levels = factor.prevalences
        for level in levels:
            if not is_name(level):
                yield Finding((*path, level), NAME_RULE, f"'{level}'")
        total = math.fsum(levels.values())
        if len(levels) < 2:
            given = ", ".join(levels)
            yield Finding(path, "must have at least 2 levels, each with its prevalence", given)
        elif abs(total - 1.0) > 1e-9:
            yield Finding(path, "prevalences must sum to 1", f"a sum of {total:.10g}")
    factors = _sound_strata(draft)
    if factors is not None and _n_cells(factors) > MAX_CELLS:
        rule = f"must have at most {MAX_CELLS} cells, the product of the numbers of levels"
        yield Finding(("strata",), rule, str(_n_cells(factors)), "use fewer factors or levels")


def _check_joint(
    joint: Mapping[str, JointPrevalence | None], draft: Draft, cells: tuple[Cell, ...] | None
) -> Iterator[Finding]:
    """Check that the joint prevalences list every cell once and agree with the factors."""
    wrong = [
        finding
        for name, entry in joint.items()
        if entry is not None
        for finding in _check_joint_cell(name, entry, draft)
    ]
    yield from wrong
    entries = {name: entry for name, entry in joint.items() if entry is not None}
    if wrong or cells is None or len(entries) < len(joint):
        return
    missing = []
    for cell in cells:
        owners = [name for name, entry in entries.items() if entry.stratum == cell.levels]
        missing += [] if owners else [cell.name]
        for name in owners[1:]:
            rule = f"must not repeat the cell of joint_prevalence.{owners[0]}"
            wrong.append(Finding(("joint_prevalence", name, "stratum"), rule))
    if missing:
        shown = "; ".join(missing[:4]) + ("; …" if len(missing) > 4 else "")
        rule = "must list every cell of [strata] once"
        wrong.append(Finding(("joint_prevalence",), rule, "", f"missing: {shown}"))
    yield from wrong
    if not wrong:
        yield from _check_joint_sums(entries, draft.strata or {})


def _check_joint_cell(name: str, entry: JointPrevalence, draft: Draft) -> Iterator[Finding]:
    path = ("joint_prevalence", name, "stratum")
    wrong = list(check_selector(entry.stratum, draft.strata, path))
    yield from wrong
    if not wrong and draft.strata is not None and len(entry.stratum) < len(draft.strata):
        rule = f"must give a level of every factor ({', '.join(draft.strata)})"
        yield Finding(path, rule)


def _check_joint_sums(
    entries: Mapping[str, JointPrevalence], strata: Mapping[str, Factor | None]
) -> Iterator[Finding]:
    total = math.fsum(entry.prevalence for entry in entries.values())
    if abs(total - 1.0) > 1e-9:
        rule = "prevalences must sum to 1"
        yield Finding(("joint_prevalence",), rule, f"a sum of {total:.10g}")
        return
    for name, factor in strata.items():
        for level, prevalence in ({} if factor is None else factor.prevalences).items():
            cells = (e for e in entries.values() if is_in(e.stratum, {name: level}))
            margin = math.fsum(entry.prevalence for entry in cells)
            if abs(margin - prevalence) > 1e-6:
                rule = f"must agree with [joint_prevalence], where {name}={level} sums to "
                yield Finding(("strata", name, level), f"{rule}{margin:.7g}")


def _check_randomisation(randomisation: Randomisation, draft: Draft) -> Iterator[Finding]:
    ratio, block_size = randomisation.ratio, randomisation.block_size
    if randomisation.within_strata and draft.strata == {}:
        path = ("randomisation", "within_strata")
        yield Finding(path, "needs [strata], and there are none", remedy="set it to false")
    if not draft.arms:
        return
    if set(ratio) != set(draft.arms):
        rule = f"must have a whole number for each arm ({', '.join(draft.arms)}) and no other"
        yield Finding(("randomisation", "ratio"), rule)
        return
    path, total = ("randomisation", "block_size"), sum(ratio.values())
    if block_size % total:
        rule = f"must be a multiple of the sum of the ratio, {total}"
        yield Finding(path, rule, str(block_size))
    elif not _has_few_arrangements(block_size, ratio):
        rule = f"must leave at most {MAX_ARRANGEMENTS:,} ways to arrange the arms in a block"
        smaller = [
            size
            for size in range(total, _LARGEST_BLOCK + 1, total)
            if _has_few_arrangements(size, ratio)
        ]
        remedy = f"use {smaller[-1]} or fewer" if smaller else "use fewer arms or a simpler ratio"
        yield Finding(path, rule, str(block_size), remedy)


def _has_few_arrangements(block_size: int, ratio: Mapping[str, int]) -> bool:
    """Whether the multinomial coefficient of a block is within the limit."""
    if block_size > _LARGEST_BLOCK:
        return False
    blocks, n_left, arrangements = block_size // sum(ratio.values()), block_size, 1
    for share in ratio.values():
        arrangements *= math.comb(n_left, blocks * share)
        n_left -= blocks * share
    return arrangements <= MAX_ARRANGEMENTS
