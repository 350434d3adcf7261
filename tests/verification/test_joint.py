"""A million patients with PFS, OS, response and a binary endpoint have the joint model stated.

The seed is fixed, so a test passes or fails once and for all; the bounds are those of p-values near
1e-4 and of four standard errors. ``pytest -s -k distances`` prints the Kolmogorov-Smirnov
distances.
"""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from scipy.special import ndtri
from twins.feature_scenarios import (
    SMALL_AND_LARGE,
    Table,
    arriving,
    delayed,
    feature_scenario,
    hypothesis,
    piecewise,
)

from simulate.design.joint_implied import implied, response_time_cdf
from simulate.engine.arrays import Patients
from simulate.runner.cohorts import made_cohorts
from simulate.runner.pack import pack
from simulate.scenario.hazards import Hazard
from simulate.scenario.models import Scenario
from simulate.scenario.progression import LatentProgression, latent_progression
from simulate.scenario.resolve import (
    endpoint_rates,
    event_hazards,
    progression_hazards,
    response_time_hazards,
)

pytestmark = pytest.mark.slow

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
N = 1_000_000
SEED = 20260101
SMALLEST_P = 1e-4
STANDARD_ERRORS = 4.0
PFS, OS, RESPONSE, BINARY = range(4)
RHOS = (0.0, 0.5, 0.9)
BINARY_CORRELATION = 0.4
# A distribution function known at so many points, straight in between, is wrong by less than 1e-5.
KNOTS = 400


def weibull(shape: float, scale_months: float) -> Table:
    return {"distribution": "weibull", "shape": shape, "scale_months": scale_months}


def constant(rate_per_month: float) -> Table:
    return {"distribution": "exponential", "rate_per_month": rate_per_month}


def rates(rate: float, in_small: float) -> Table:
    return {"rate": rate, "by_stratum": {"s": {"stratum": {"site": "small"}, "rate": in_small}}}


def in_small(definition: Table, other: Table) -> Table:
    """A definition, and another in the small sites."""
    return definition | {"by_stratum": {"s": other | {"stratum": {"site": "small"}}}}


ARMS: dict[str, Table] = {
    "exponential": {
        "pfs": in_small(constant(0.06), constant(0.1)),
        "os": in_small(constant(0.025), constant(0.04)),
        "response": rates(0.3, 0.5) | {"time_to_response": constant(0.3)},
        "binary": {"clear": rates(0.6, 0.2)},
    },
    "weibull": {
        "pfs": weibull(1.4, 10.0),
        "os": weibull(1.3, 24.0),
        "response": rates(0.1, 0.2) | {"time_to_response": weibull(2.0, 8.0)},
        "binary": {"clear": rates(0.5, 0.4)},
    },
    "pieces": {
        "pfs": in_small(
            piecewise((0.0, 0.02), (4.0, 0.0), (6.0, 0.2), (20.0, 0.05)),
            delayed("weibull", (0.0, 1.0), (3.0, 0.6)),
        ),
        "os": in_small(
            piecewise((0.0, 0.005), (4.0, 0.0), (6.0, 0.05), (20.0, 0.02)),
            delayed("weibull", (0.0, 1.0), (3.0, 0.6)),
        ),
        "response": rates(0.7, 0.4)
        | {"time_to_response": piecewise((0.0, 0.1), (2.0, 0.0), (4.0, 0.4))},
        "binary": {"clear": rates(0.05, 0.3)},
    },
}
CELLS = list(itertools.product(ARMS, range(2)))


class Cell(NamedTuple):
    """Patients of one arm and stratum, and what they were drawn from."""

    name: str
    progression: FloatArray
    event: FloatArray
    pfs: Hazard
    os: Hazard
    latent: Hazard
    to_response: Hazard
    response_rate: float
    binary_rate: float

    @property
    def responds(self) -> BoolArray:
        return np.asarray(np.isfinite(self.event[RESPONSE]))

    @property
    def has_binary(self) -> BoolArray:
        return np.asarray(np.isfinite(self.event[BINARY]))


def joint_scenario(**correlations: float) -> Scenario:
    return feature_scenario(
        "plain",
        arms=ARMS,
        strata=SMALL_AND_LARGE,
        correlations=correlations,
        binary_endpoints={
            "clear": {"response_correlation": BINARY_CORRELATION, "assessed_months": 3.0}
        },
        accrual=arriving(N, "evenly_spaced", (0.0, 50_000.0)),
        hypotheses={"test": hypothesis("weibull", "exponential", "final")},
    )


def cells_of(scenario: Scenario, seed: int = SEED) -> list[Cell]:
    plan = pack(scenario)
    patients: Patients = next(made_cohorts(plan, seed, 0, 1)).patients
    pfs, os = event_hazards(scenario, "pfs"), event_hazards(scenario, "os")
    latent, times = progression_hazards(scenario), response_time_hazards(scenario)
    response, binary = endpoint_rates(scenario, "response"), endpoint_rates(scenario, "clear")
    made = []
    for number, (arm, stratum) in enumerate(CELLS):
        members = patients.cell == number
        made.append(
            Cell(
                f"{arm} in {('small', 'large')[stratum]}",
                patients.progression[members],
                patients.event[:, members],
                pfs[arm][stratum],
                os[arm][stratum],
                latent[arm][stratum],
                times[arm][stratum],
                response[arm][stratum],
                binary[arm][stratum],
            )
        )
    return made


@pytest.fixture(scope="module", params=RHOS, ids=lambda rho: f"rho {rho}")
def by_rho(request: pytest.FixtureRequest) -> tuple[float, list[Cell]]:
    """The cells with a correlation of progression and survival, response apart from both."""
    return request.param, cells_of(joint_scenario(progression_os=request.param))


# Progression more than survival, less than it, and against it.
TRIPLES = ((0.5, 0.5, 0.3), (0.3, 0.1, 0.6), (0.6, -0.4, -0.5))


@pytest.fixture(scope="module", params=TRIPLES, ids=str)
def correlated(request: pytest.FixtureRequest) -> tuple[dict[str, float], list[Cell]]:
    keys = ("progression_os", "progression_response", "os_response")
    correlations = dict(zip(keys, request.param, strict=True))
    return correlations, cells_of(joint_scenario(**correlations))


def shares_agree(holds: BoolArray, probability: float) -> bool:
    error = math.sqrt(probability * (1.0 - probability) / len(holds))
    return bool(abs(holds.mean() - probability) < STANDARD_ERRORS * error)


def normal_probability(limits: list[float], correlations: list[list[float]]) -> float:
    """P(every normal score is below its limit), good to far below a standard error here."""
    generator = np.random.default_rng(1)
    kind: Any = stats.multivariate_normal(cov=correlations, seed=generator, abseps=1e-7)
    return float(kind.cdf(limits))


def marginals(cell: Cell) -> dict[str, tuple[float, float]]:
    """Kolmogorov-Smirnov distance and p-value of every time, by its name."""
    times = cell.event[RESPONSE, cell.responds]
    knots = np.quantile(times, np.linspace(0.0, 1.0, KNOTS))
    until = response_time_cdf(knots, cell.to_response, cell.pfs)
    uniforms = {
        "PFS": cell.pfs.survival(cell.event[PFS]),
        "OS": cell.os.survival(cell.event[OS]),
        "time to response": np.interp(times, knots, until),
    }
    found = {name: stats.kstest(values, "uniform") for name, values in uniforms.items()}
    return {name: (test.statistic, test.pvalue) for name, test in found.items()}


def test_distances_of_marginals(by_rho: tuple[float, list[Cell]]) -> None:
    rho, cells = by_rho
    print(f"\n{'rho':>4}  {'cell':<22}{'marginal':<18}{'n':>8}{'distance':>10}{'p':>8}")
    p_values = {}
    for cell in cells:
        for name, (distance, p) in marginals(cell).items():
            n = cell.responds.sum() if name == "time to response" else len(cell.progression)
            print(f"{rho:4}  {cell.name:<22}{name:<18}{n:8}{distance:10.5f}{p:8.4f}")
            p_values[cell.name, name] = p
    assert len(p_values) == 18
    assert {key: p for key, p in p_values.items() if not p > SMALLEST_P} == {}


@pytest.mark.parametrize(
    ("endpoint", "distribution"),
    [(PFS, stats.weibull_min(1.4, scale=10.0)), (OS, stats.weibull_min(1.3, scale=24.0))],
)
def test_marginals_against_scipy(
    by_rho: tuple[float, list[Cell]], endpoint: int, distribution: stats.rv_continuous
) -> None:
    _, cells = by_rho
    for cell in cells[2:4]:
        survival = distribution.sf(cell.event[endpoint])
        assert stats.kstest(survival, "uniform").pvalue > SMALLEST_P


def test_rates(by_rho: tuple[float, list[Cell]]) -> None:
    for cell in by_rho[1]:
        assert shares_agree(cell.responds, cell.response_rate)
        assert shares_agree(cell.has_binary, cell.binary_rate)
        assert set(np.unique(cell.event[BINARY])) == {3.0, np.inf}


def test_pfs_and_os_together(by_rho: tuple[float, list[Cell]]) -> None:
    rho, cells = by_rho
    for cell in cells:
        pfs, os = cell.event[PFS], cell.event[OS]
        assert np.array_equal(pfs, np.minimum(cell.progression, os))
        table = latent_progression(cell.pfs, cell.os, rho, 240.0)
        assert isinstance(table, LatentProgression)
        expected = implied(cell.pfs, cell.os, table)
        assert shares_agree(pfs == os, expected.probability_equal)
        x, y = stats.zscore(pfs), stats.zscore(os)
        found = float(np.mean(x * y))
        # The correlation's influence function.
        error = float(np.std(x * y - 0.5 * found * (x * x + y * y))) / math.sqrt(len(x))
        assert abs(found - expected.correlation) < STANDARD_ERRORS * error


def test_copula_of_progression_and_survival(by_rho: tuple[float, list[Cell]]) -> None:
    rho, cells = by_rho
    for cell in cells:
        late = cell.latent.survival(cell.progression)
        both = np.stack([late, cell.os.survival(cell.event[OS])])
        for p, q in ((0.5, 0.5), (0.2, 0.7), (0.05, 0.05)):
            limits = [float(ndtri(p)), float(ndtri(q))]
            expected = normal_probability(limits, [[1.0, rho], [rho, 1.0]])
            assert shares_agree((both[0] < p) & (both[1] < q), expected)


def test_response_is_apart_without_correlation(by_rho: tuple[float, list[Cell]]) -> None:
    for cell in by_rho[1]:
        for endpoint in (PFS, OS):
            groups = (cell.event[endpoint, here] for here in (cell.responds, ~cell.responds))
            assert stats.ks_2samp(*groups).pvalue > SMALLEST_P


def test_binary_goes_with_response(by_rho: tuple[float, list[Cell]]) -> None:
    matrix = [[1.0, BINARY_CORRELATION], [BINARY_CORRELATION, 1.0]]
    for cell in by_rho[1]:
        limits = [float(ndtri(cell.response_rate)), float(ndtri(cell.binary_rate))]
        assert shares_agree(cell.responds & cell.has_binary, normal_probability(limits, matrix))


def test_correlated_marginals(correlated: tuple[dict[str, float], list[Cell]]) -> None:
    for cell in correlated[1]:
        for hazard, endpoint in ((cell.pfs, PFS), (cell.os, OS)):
            survival = hazard.survival(cell.event[endpoint])
            assert stats.kstest(survival, "uniform").pvalue > SMALLEST_P
        assert shares_agree(cell.responds, cell.response_rate)
        assert shares_agree(cell.has_binary, cell.binary_rate)


def test_three_scores_against_trivariate_normal(
    correlated: tuple[dict[str, float], list[Cell]],
) -> None:
    rho, with_progression, with_survival = correlated[0].values()
    matrix = np.eye(3)
    for (i, j), value in (
        ((0, 1), rho),
        ((0, 2), with_progression),
        ((1, 2), with_survival),
    ):
        matrix[i, j] = matrix[j, i] = value
    for cell in correlated[1]:
        late = cell.latent.survival(cell.progression) < 0.5
        alive = cell.os.survival(cell.event[OS]) < 0.3
        limits = [0.0, float(ndtri(0.3)), float(ndtri(cell.response_rate))]
        everything = {(0, 2): late, (1, 2): alive, (0, 1, 2): late & alive}
        for chosen, holds in everything.items():
            part = matrix[np.ix_(chosen, chosen)].tolist()
            expected = normal_probability([limits[i] for i in chosen], part)
            assert shares_agree(holds & cell.responds, expected)


def test_response_goes_with_pfs_by_the_sign(
    correlated: tuple[dict[str, float], list[Cell]],
) -> None:
    sign = math.copysign(1.0, correlated[0]["progression_response"])
    for cell in correlated[1]:
        with_response, without = (cell.event[PFS, here] for here in (cell.responds, ~cell.responds))
        difference = sign * (with_response.mean() - without.mean())
        error = math.hypot(stats.sem(with_response), stats.sem(without))
        assert difference > STANDARD_ERRORS * error


def test_time_to_response_given_pfs(correlated: tuple[dict[str, float], list[Cell]]) -> None:
    for cell in correlated[1]:
        pfs, months = cell.event[PFS, cell.responds], cell.event[RESPONSE, cell.responds]
        assert np.all((months > 0.0) & (months <= pfs))
        until, by_pfs = -np.expm1(-cell.to_response.cumulative(np.stack([months, pfs])))
        share = until / by_pfs
        assert stats.kstest(share, "uniform").pvalue > SMALLEST_P
        assert stats.spearmanr(share, pfs).pvalue > SMALLEST_P
