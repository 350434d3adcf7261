"""Tests and estimates of binary endpoints against exact fractions."""

from __future__ import annotations

import itertools
import math
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
from scipy import optimize, special
from twins.slow_proportions import (
    Table,
    informative,
    slow_binomial,
    slow_fisher,
    slow_log_odds_variance,
    slow_odds,
    slow_restricted_rate,
    slow_se,
    slow_weighted_mean,
    slow_z,
    variance_at,
)

from simulate.engine.arrays import IntArray
from simulate.engine.codes import STATUS_ESTIMATE_INFINITE, STATUS_NO_INFORMATION
from simulate.engine.proportions import (
    PROPORTIONS_FISHER,
    PROPORTIONS_MANTEL_HAENSZEL,
    PROPORTIONS_MIETTINEN_NURMINEN,
    PROPORTIONS_POOLED,
    PROPORTIONS_UNPOOLED,
    compare_proportions,
    exact_binomial,
    log_odds_ratio,
    restricted_rate,
    restricted_variance,
)

METHODS = (
    PROPORTIONS_POOLED,
    PROPORTIONS_UNPOOLED,
    PROPORTIONS_MIETTINEN_NURMINEN,
    PROPORTIONS_MANTEL_HAENSZEL,
)
WITH_NULL = (PROPORTIONS_UNPOOLED, PROPORTIONS_MIETTINEN_NURMINEN)
NULLS = (-0.9, -0.1, -1e-9, 0.001, 0.05, 1.0 / 3.0, 0.5, 0.999)
FARTHEST = 8.209536151601386
FEW = [
    Table(x1, n1, x0, n0)
    for n1 in range(1, 5)
    for n0 in range(1, 5)
    for x1 in range(n1 + 1)
    for x0 in range(n0 + 1)
]


def random_tables(seed: int, most: int, n_tables: int) -> list[Table]:
    rng = np.random.default_rng([seed, most])
    n1, n0 = rng.integers(1, most + 1, (2, n_tables))
    # Rates near 0 and 1, too.
    rates = rng.beta(0.4, 0.4, (2, n_tables))
    x1, x0 = rng.binomial(n1, rates[0]), rng.binomial(n0, rates[1])
    return [Table(*map(int, row)) for row in zip(x1, n1, x0, n0, strict=True)]


def random_strata(seed: int, n_strata: int, n_trials: int) -> list[list[Table]]:
    """Trials with an empty arm here and there."""
    rng = np.random.default_rng([seed, n_strata])
    counts = rng.integers(0, 12, (n_trials, n_strata, 2))
    responders = rng.binomial(counts, rng.uniform(0.0, 1.0, counts.shape))
    return [
        [Table(int(x[0]), int(n[0]), int(x[1]), int(n[1])) for x, n in zip(xs, ns, strict=True)]
        for xs, ns in zip(responders, counts, strict=True)
    ]


ONE_STRATUM = [[table] for table in FEW + random_tables(1, 60, 100)]
# Few patients in few strata, so that some say nothing.
STRATIFIED = [trial for n in (2, 3, 5) for trial in random_strata(2, n, 60)]
TRIALS = ONE_STRATUM + STRATIFIED


def columns(strata: Sequence[Table]) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    x1, n1, x0, n0 = (np.array(column, dtype=np.int64) for column in zip(*strata, strict=True))
    return x1, n1, x0, n0


def compare(
    method: int, strata: Sequence[Table], null_difference: float = 0.0
) -> tuple[float, float, float, int]:
    return compare_proportions(method, null_difference, *columns(strata), len(strata))


def log_odds(strata: Sequence[Table]) -> tuple[float, float, int]:
    return log_odds_ratio(*columns(strata), len(strata))


def rate_of(difference: float, table: Table) -> float:
    """Restricted rate of the control arm."""
    if difference < 0.0:
        return restricted_rate(-difference, *table) - difference
    return restricted_rate(difference, table.x0, table.n0, table.x1, table.n1)


@pytest.mark.parametrize("method", METHODS)
def test_z_is_that_of_the_fractions(method: int) -> None:
    n_undefined = 0
    for strata in TRIALS:
        kept = informative(strata)
        expected = slow_z(method, 0.0, kept) if kept else math.nan
        z, _, _, flag = compare(method, strata)
        assert z == pytest.approx(expected, rel=1e-12, abs=1e-13, nan_ok=True)
        assert flag == (STATUS_NO_INFORMATION if math.isnan(expected) else 0)
        n_undefined += math.isnan(expected)
    assert 0 < n_undefined < len(TRIALS) // 2


@pytest.mark.parametrize("method", WITH_NULL)
@pytest.mark.parametrize("null_difference", NULLS)
def test_z_at_another_null_difference(method: int, null_difference: float) -> None:
    for strata in [*ONE_STRATUM[::7], *STRATIFIED[::7]]:
        kept = informative(strata)
        expected = slow_z(method, null_difference, kept) if kept else math.nan
        z, _, _, flag = compare(method, strata, null_difference)
        assert z == pytest.approx(expected, rel=1e-12, abs=1e-13, nan_ok=True)
        assert flag == (STATUS_NO_INFORMATION if math.isnan(expected) else 0)


def test_estimates_and_standard_errors() -> None:
    for strata in TRIALS:
        kept = informative(strata)
        for method in (*METHODS, PROPORTIONS_FISHER):
            _, estimate, se, _ = compare(method, strata)
            if not kept:
                assert np.isnan([estimate, se]).all()
            else:
                mean = float(slow_weighted_mean(kept))
                assert estimate == pytest.approx(mean, rel=1e-12, abs=1e-15)
                assert se == pytest.approx(slow_se(kept), rel=1e-13, abs=0.0)


@pytest.mark.parametrize(
    ("method", "null_difference"),
    [(PROPORTIONS_POOLED, 0.0), (PROPORTIONS_UNPOOLED, 0.0), *itertools.product(WITH_NULL, NULLS)],
)
def test_z_of_many_patients(method: int, null_difference: float) -> None:
    for table in [*random_tables(3, 100_000, 30), Table(50_001, 100_000, 50_000, 100_000)]:
        expected = slow_z(method, null_difference, [table])
        z = compare(method, [table], null_difference)[0]
        assert z == pytest.approx(expected, rel=1e-12, abs=1e-12, nan_ok=True)


def test_strata_in_which_an_arm_is_empty_change_nothing() -> None:
    tables = [Table(3, 8, 2, 9), Table(4, 5, 2, 7)]
    among = [Table(0, 0, 3, 3), tables[0], Table(0, 0, 0, 0), tables[1], Table(2, 2, 0, 0)]
    for method in METHODS:
        assert compare(method, among) == compare(method, tables)
    assert log_odds(among) == log_odds(tables)


@pytest.mark.parametrize(
    "strata", [[Table(0, 0, 1, 2)], [Table(1, 2, 0, 0)], [Table(0, 0, 1, 2), Table(1, 2, 0, 0)]]
)
def test_without_patients_in_both_arms_nothing_is_defined(strata: list[Table]) -> None:
    for method in (*METHODS, PROPORTIONS_FISHER):
        z, estimate, se, flag = compare(method, strata, 0.0)
        assert np.isnan([z, estimate, se]).all()
        assert flag == STATUS_NO_INFORMATION
    estimate, se, flag = log_odds(strata)
    assert np.isnan([estimate, se]).all()
    assert flag == STATUS_NO_INFORMATION


def test_restricted_rates_are_those_of_the_fractions() -> None:
    for table in FEW[::3] + random_tables(4, 2000, 60):
        for difference in NULLS:
            exact = Fraction(difference)
            rate = slow_restricted_rate(exact, table)
            found = rate_of(difference, table)
            assert found == pytest.approx(float(rate), rel=1e-12, abs=1e-14)
            variance = float(variance_at(rate + exact, rate, table))
            found = restricted_variance(difference, *table)
            assert found == pytest.approx(variance, rel=1e-12, abs=0.0)


def test_restricted_rates_are_not_negative_by_rounding() -> None:
    # Newton's method comes to 0, a double root or nearly, from either side.
    for difference in (0.1, 0.4, 0.65):
        for table in FEW:
            assert 0.0 <= restricted_rate(difference, *table) <= 1.0 - difference


def test_restricted_rates_make_the_data_most_likely() -> None:
    def minus_log_likelihood(rate: float, difference: float, table: Table) -> float:
        experimental = special.xlogy(table.x1, rate + difference)
        experimental += special.xlog1py(table.n1 - table.x1, -rate - difference)
        control = special.xlogy(table.x0, rate) + special.xlog1py(table.n0 - table.x0, -rate)
        return -float(experimental + control)

    for table in random_tables(5, 100, 40):
        for difference in (-0.6, -0.1, 0.05, 1.0 / 3.0):
            found = optimize.minimize_scalar(
                minus_log_likelihood,
                args=(difference, table),
                bounds=(max(0.0, -difference), min(1.0, 1.0 - difference)),
                method="bounded",
                options={"xatol": 1e-10},
            )
            assert rate_of(difference, table) == pytest.approx(found.x, abs=1e-6)


def quantile_of(upper: Fraction | mpmath.mpf) -> float:
    """Return z of a one-sided p-value, from the smaller tail."""
    lower = 1 - upper
    size = -float(special.ndtri(max(float(min(upper, lower)), 2.0**-53)))
    return size if upper <= lower else -size


def test_fishers_test_is_that_of_the_fractions() -> None:
    n_undefined = 0
    for table in FEW + random_tables(6, 60, 300):
        z, _, _, flag = compare(PROPORTIONS_FISHER, [table])
        if table.x1 + table.x0 in (0, table.n1 + table.n0):
            assert math.isnan(z)
            assert flag == STATUS_NO_INFORMATION
            n_undefined += 1
        else:
            assert z == pytest.approx(quantile_of(slow_fisher(table)), rel=1e-12, abs=1e-13)
            assert flag == 0
    assert n_undefined > 10


def test_fishers_test_has_no_strata() -> None:
    tables = [Table(3, 8, 2, 9), Table(4, 5, 2, 7)]
    z, estimate, _, flag = compare(PROPORTIONS_FISHER, tables)
    assert math.isnan(z)
    assert estimate == pytest.approx(float(slow_weighted_mean(tables)))
    assert flag == STATUS_NO_INFORMATION


def tail(first: mpmath.mpf, ratio: Callable[[int], mpmath.mpf], x: int) -> mpmath.mpf:
    """Sum of terms from ``x`` on, ``first`` and then ``ratio(k)`` times the one at k."""
    total, term = mpmath.mpf(0), first
    while term > mpmath.mpf(10) ** -30 * total:
        total += term
        term *= ratio(x)
        x += 1
    return total


@pytest.mark.parametrize(
    "table",
    [
        Table(50_300, 100_000, 49_900, 100_000),
        Table(301, 100_000, 240, 90_000),
        Table(99_900, 100_000, 49_800, 50_000),
        Table(3, 100_000, 0, 100_000),
        Table(50_500, 100_000, 49_000, 100_000),
    ],
)
def test_fishers_test_with_many_patients(table: Table) -> None:
    x1, n1, x0, n0 = table
    x = x1 + x0
    with mpmath.workdps(40):
        first = mpmath.binomial(n1, x1) * mpmath.binomial(n0, x0) / mpmath.binomial(n1 + n0, x)
        upper = tail(
            first, lambda k: mpmath.mpf((n1 - k) * (x - k)) / ((k + 1) * (n0 - x + k + 1)), x1
        )
        expected = quantile_of(upper)
    assert compare(PROPORTIONS_FISHER, [table])[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("n", [0, 1, 2, 7, 30])
@pytest.mark.parametrize("p0", [0.0, 1e-12, 0.05, 0.3, 0.5, 0.999, 1.0])
def test_exact_binomial_is_that_of_the_fractions(n: int, p0: float) -> None:
    for x in range(n + 1):
        expected = slow_binomial(x, n, p0)
        p_value, z = exact_binomial(x, n, p0)
        assert p_value == pytest.approx(float(expected), rel=1e-14, abs=1e-290)
        assert z == pytest.approx(quantile_of(expected), rel=1e-12, abs=1e-14)


@pytest.mark.parametrize(
    ("x", "n", "p0"),
    [
        (50_300, 100_000, 0.5),
        (20_001, 100_000, 0.2),
        (1, 100_000, 1e-5),
        (25_000, 100_000, 0.2),
        (99_990, 100_000, 0.999),
        (140, 1000, 0.1),
        (34, 1000, 0.1),
    ],
)
def test_exact_binomial_of_many_patients(x: int, n: int, p0: float) -> None:
    with mpmath.workdps(40):
        p = mpmath.mpf(p0)
        first = mpmath.binomial(n, x) * p**x * (1 - p) ** (n - x)
        upper = tail(first, lambda k: mpmath.mpf(n - k) / (k + 1) * p / (1 - p), x)
        expected = float(upper), quantile_of(upper)
    assert exact_binomial(x, n, p0) == pytest.approx(expected, rel=2e-12, abs=1e-290)


def test_exact_tests_end_at_a_finite_z() -> None:
    assert exact_binomial(100_000, 100_000, 0.01) == (0.0, FARTHEST)
    assert exact_binomial(0, 100_000, 0.01) == (1.0, -FARTHEST)
    for n in (100, 100_000):
        assert compare(PROPORTIONS_FISHER, [Table(n, n, 0, n)])[0] == FARTHEST
        assert compare(PROPORTIONS_FISHER, [Table(0, n, n, n)])[0] == -FARTHEST


def test_log_odds_ratios_are_those_of_the_fractions() -> None:
    flags = []
    for strata in TRIALS:
        above, below = slow_odds(informative(strata))
        estimate, se, flag = log_odds(strata)
        flags.append(flag)
        if above > 0 and below > 0:
            ratio = float(above / below)
            assert estimate == pytest.approx(math.log(ratio), rel=1e-12, abs=1e-15)
            variance = slow_log_odds_variance(informative(strata))
            assert se == pytest.approx(math.sqrt(variance), rel=1e-13)
            assert flag == 0
        else:
            assert math.isnan(estimate)
            assert math.isnan(se)
            undefined = above == below == 0
            assert flag == (STATUS_NO_INFORMATION if undefined else STATUS_ESTIMATE_INFINITE)
    assert min(flags.count(f) for f in (0, STATUS_NO_INFORMATION, STATUS_ESTIMATE_INFINITE)) > 20


def test_woolfs_variance_of_one_stratum() -> None:
    estimate, se, _ = log_odds([Table(15, 40, 8, 42)])
    assert estimate == pytest.approx(math.log(15 * 34 / (25 * 8)))
    assert se == pytest.approx(math.sqrt(1 / 15 + 1 / 25 + 1 / 8 + 1 / 34))


BITS = """
import numpy as np
from simulate.engine import proportions
for row in {rows}:
    arrays = [np.array([count, count + 2 * (i % 2)], dtype=np.int64) for i, count in enumerate(row)]
    for method in range(5):
        found = proportions.compare_proportions(method, -0.1, *arrays, 1 if method == 3 else 2)
        print(*map(float, found))
    print(*map(float, proportions.log_odds_ratio(*arrays, 2)))
    print(*map(float, proportions.exact_binomial(row[0], row[1], 0.2)))
"""


def test_the_same_bits_without_compiling(capsys: pytest.CaptureFixture[str]) -> None:
    # Of the last, an arm or both are empty.
    tables = [*random_tables(7, 200, 12), Table(0, 0, 2, 3), Table(0, 0, 0, 0)]
    code = BITS.format(rows=[list(table) for table in tables])
    exec(code, {})
    compiled = capsys.readouterr().out
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=Path(__file__).parents[2],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(compiled.splitlines()) == len(tables) * 7
    assert done.stdout == compiled
