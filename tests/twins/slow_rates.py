"""Tests and estimates of a binary endpoint at a look, from the list of patients: the slow twin.

Each returns the fields of a row that it defines, and the flags of its status.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from scipy.stats import norm
from twins.slow_logrank import Observed
from twins.slow_proportions import (
    Table,
    informative,
    slow_binomial,
    slow_fisher,
    slow_log_odds_variance,
    slow_margins,
    slow_odds,
    slow_se,
    slow_weighted_mean,
    slow_z,
)

from simulate.engine import proportions
from simulate.engine.codes import STATUS_ESTIMATE_INFINITE, STATUS_NO_INFORMATION
from simulate.scenario.binary_tests import ProportionsTest

Fields = dict[str, Any]
METHODS = {
    "z_pooled": proportions.PROPORTIONS_POOLED,
    "z_unpooled": proportions.PROPORTIONS_UNPOOLED,
    "miettinen_nurminen": proportions.PROPORTIONS_MIETTINEN_NURMINEN,
    "mantel_haenszel": proportions.PROPORTIONS_MANTEL_HAENSZEL,
}
LEAST_TAIL = Fraction(1, 2**53)


def table_of(observed: Sequence[Observed]) -> Table:
    """Responders and patients of both arms; whose event has not been seen is no responder."""
    experimental = [o.is_event for o in observed if o.is_experimental]
    control = [o.is_event for o in observed if not o.is_experimental]
    return Table(sum(experimental), len(experimental), sum(control), len(control))


def z_of(p_value: Fraction) -> float:
    """Normal quantile of 1 less a p-value, no farther out than 8.2."""
    tail = max(min(p_value, 1 - p_value), LEAST_TAIL)
    size = float(norm.isf(float(tail)))
    return size if 2 * p_value <= 1 else -size


def compare_rates(observed: Sequence[Observed], test: ProportionsTest) -> Fields:
    """Test two arms' proportions, in strata or not."""
    strata = sorted({o.stratum for o in observed})
    tables = informative([table_of([o for o in observed if o.stratum == s]) for s in strata])
    if not tables:
        return {"status": STATUS_NO_INFORMATION}
    found: Fields = {
        "estimate": float(slow_weighted_mean(tables)),
        "se": slow_se(tables),
        "z": math.nan,
    }
    if test.method != "fisher":
        found["z"] = slow_z(METHODS[test.method], test.null_difference, tables)
    elif len(slow_margins(tables[0])) > 1:
        found["z"] = z_of(slow_fisher(tables[0]))
    found["status"] = STATUS_NO_INFORMATION if math.isnan(found["z"]) else 0
    if test.estimate == "odds_ratio":
        odds = log_odds_ratio(tables)
        found |= odds | {"status": found["status"] | odds["status"]}
    return found


def log_odds_ratio(tables: Sequence[Table]) -> Fields:
    above, below = slow_odds(tables)
    undefined = {"estimate": math.nan, "se": math.nan}
    if above == below == 0:
        return undefined | {"status": STATUS_NO_INFORMATION}
    if above == 0 or below == 0:
        return undefined | {"status": STATUS_ESTIMATE_INFINITE}
    return {
        "estimate": math.log(above / below),
        "se": math.sqrt(slow_log_odds_variance(tables)),
        "status": 0,
    }


def rate(responders: Sequence[bool], null_rate: float | None = None) -> Fields:
    """One arm's rate, and its exact test against a null value."""
    n, x = len(responders), sum(responders)
    if n == 0:
        return {"status": STATUS_NO_INFORMATION}
    share = Fraction(x, n)
    found: Fields = {"estimate": float(share), "se": math.sqrt(share * (1 - share) / n)}
    if null_rate is not None:
        found["z"] = z_of(slow_binomial(x, n, null_rate))
    return found
