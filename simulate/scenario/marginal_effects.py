"""Marginal hazard ratios beside conditional ones, under frailty, cure or a mixture."""

from __future__ import annotations

import math
from typing import NamedTuple

from simulate.scenario.composite import Composite, marginal_hazard_ratios
from simulate.scenario.distributions import Relative
from simulate.scenario.models import Scenario
from simulate.scenario.resolve import (
    composite_in,
    definition_in,
    endpoint_tables,
    strata_cells,
)
from simulate.scenario.tabulation import marginal_hazard

# Shares of the other arm's patients; the first stands for the start.
START = 1e-6
SHARES = (START, 0.25, 0.5, 0.75)


class MarginalEffect(NamedTuple):
    """The hazard ratio of an arm to the one it is relative to, conditional and marginal.

    Attributes
    ----------
    arm, relative_to : str
        The two arms.
    conditional : tuple of (float, float)
        Months from randomisation, and the conditional hazard ratio from then on.
    cured : tuple of float
        Cured fraction of the arm and of the other.
    shares, months, marginal : tuple of float
        Marginal hazard ratio at the months by which these shares of the other arm's patients have
        had the event; the first is the start. Shares that never have it are left out.
    """

    arm: str
    relative_to: str
    conditional: tuple[tuple[float, float], ...]
    cured: tuple[float, float]
    shares: tuple[float, ...]
    months: tuple[float, ...]
    marginal: tuple[float, ...]


def marginal_effects(
    scenario: Scenario, endpoint: str = "pfs"
) -> dict[MarginalEffect, tuple[str, ...]]:
    """Effects of relative arms whose marginal hazard ratio is not the conditional one.

    Parameters
    ----------
    scenario : Scenario
        A scenario as loaded.
    endpoint : str
        The endpoint, a field of `Arm`.

    Returns
    -------
    dict of MarginalEffect to tuple of str
        By effect, the names of the cells that have it. Arms without frailty, cure or mixture are
        not among them.
    """
    tables = endpoint_tables(scenario, endpoint)
    found: dict[MarginalEffect, tuple[str, ...]] = {}
    for name, table in tables.items():
        for cell in strata_cells(scenario):
            definition = definition_in(table, cell.levels)
            if not isinstance(definition, Relative):
                continue
            arm = composite_in(tables, name, cell.levels)
            other = composite_in(tables, definition.relative_to, cell.levels)
            if not (arm.is_plain and other.is_plain):
                effect = _effect(name, definition, arm, other)
                effect = _with_discounts(scenario, effect)
                found[effect] = (*found.get(effect, ()), cell.name)
    return found


def _with_discounts(scenario: Scenario, effect: MarginalEffect) -> MarginalEffect:
    """The effect with the discounts of the two arms in its marginal ratios."""
    own, other = (scenario.arms[arm].discount or 1.0 for arm in (effect.arm, effect.relative_to))
    return effect._replace(marginal=tuple(ratio * other / own for ratio in effect.marginal))


def _effect(name: str, definition: Relative, arm: Composite, other: Composite) -> MarginalEffect:
    """Tabulate the effect in one cell."""
    at = [
        (share, float(month))
        for share, month in zip(SHARES, marginal_hazard(other).quantile(SHARES), strict=True)
        if math.isfinite(month)
    ]
    shares, months = tuple(share for share, _ in at), tuple(month for _, month in at)
    if definition.hazard_ratio is not None:
        conditional: tuple[tuple[float, float], ...] = ((0.0, definition.hazard_ratio),)
    else:
        steps = definition.hazard_ratios or ()
        conditional = tuple((step.from_month, step.hazard_ratio) for step in steps)
    return MarginalEffect(
        arm=name,
        relative_to=definition.relative_to,
        conditional=conditional,
        cured=(arm.cured, other.cured),
        shares=shares,
        months=months,
        marginal=tuple(marginal_hazard_ratios(arm, other, months).tolist()),
    )
