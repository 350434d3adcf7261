"""Tests, intervals and designs of binary endpoints against R's packages and a published table."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from simulate.design.proportions import clopper_pearson, miettinen_nurminen, wilson
from simulate.engine.arrays import FloatArray, IntArray
from simulate.engine.compile import kernel
from simulate.engine.proportions import (
    PROPORTIONS_FISHER,
    PROPORTIONS_MANTEL_HAENSZEL,
    PROPORTIONS_MIETTINEN_NURMINEN,
    PROPORTIONS_POOLED,
    compare_proportions,
    exact_binomial,
)

CASES = json.loads(Path(__file__).with_name("proportions_cases.json").read_text(encoding="utf-8"))[
    "cases"
]
Case = dict[str, Any]
TABLES = next(case for case in CASES if case["kind"] == "analytic/exact-tests")["values"]
INTERVALS = next(case for case in CASES if case["kind"] == "analytic/binomial-ci")["values"]
Z95 = float(ndtri(0.975))


def cases(kind: str) -> pytest.MarkDecorator:
    chosen = [case for case in CASES if case["kind"] == f"analytic/{kind}"]
    assert len(chosen) == 3
    return pytest.mark.parametrize("case", chosen, ids=[case["name"] for case in chosen])


def compare(
    method: int, x1: int, n1: int, x0: int, n0: int, null_difference: float = 0.0
) -> tuple[float, float, float, int]:
    one, patients1, two, patients0 = np.array([[x1], [n1], [x0], [n0]], dtype=np.int64)
    return compare_proportions(method, null_difference, one, patients1, two, patients0, 1)


@pytest.mark.parametrize("expected", TABLES, ids=lambda expected: str(expected["table"]))
def test_tests_of_one_table(expected: dict[str, Any]) -> None:
    table = expected["table"]
    pooled = compare(PROPORTIONS_POOLED, *table)[0]
    assert pooled == pytest.approx(expected["gsDesign_testBinomial_z"], rel=1e-11)
    assert pooled**2 == pytest.approx(expected["chisq_uncorrected"], rel=1e-11)
    for method in (PROPORTIONS_MIETTINEN_NURMINEN, PROPORTIONS_MANTEL_HAENSZEL):
        z = compare(method, *table)[0]
        assert z**2 == pytest.approx(expected["MN_score_z2"], rel=1e-11)
        assert math.copysign(1.0, z) == math.copysign(1.0, pooled)


@pytest.mark.parametrize("expected", TABLES, ids=lambda expected: str(expected["table"]))
def test_fishers_exact_test(expected: dict[str, Any]) -> None:
    x1, n1, x0, n0 = expected["table"]
    greater = ndtr(-compare(PROPORTIONS_FISHER, x1, n1, x0, n0)[0])
    assert greater == pytest.approx(expected["fisher_greater"], rel=1e-11)
    less = ndtr(-compare(PROPORTIONS_FISHER, x0, n0, x1, n1)[0])
    assert less == pytest.approx(expected["fisher_less"], rel=1e-11)


@pytest.mark.parametrize("expected", INTERVALS, ids=lambda case: f"{case['x']} of {case['n']}")
def test_intervals_of_a_proportion(expected: dict[str, Any]) -> None:
    x, n = expected["x"], expected["n"]
    exact = [float(limit) for limit in clopper_pearson(x, n, 0.95)]
    assert exact == pytest.approx(expected["binom.test"], rel=1e-11, abs=0.0)
    (lrstat,) = expected["lrstat"]
    assert exact == pytest.approx([lrstat["lower"], lrstat["upper"]], rel=1e-11, abs=0.0)
    score = [float(limit) for limit in wilson(x, n, 0.95)]
    assert score == pytest.approx(expected["wilson"], rel=1e-11, abs=0.0)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ((56, 70, 48, 80), (0.0528, 0.3382)),
        ((9, 10, 3, 10), (0.1700, 0.8406)),
        ((6, 7, 2, 7), (0.0342, 0.8534)),
    ],
)
def test_published_intervals_of_a_difference(
    table: tuple[int, int, int, int], expected: tuple[float, float]
) -> None:
    # Newcombe, Statistics in Medicine 17, 1998, 873-890, table II, method 6.
    limits = [float(limit) for limit in miettinen_nurminen(*table, 0.95)]
    assert limits == pytest.approx(expected, abs=5e-5)


@cases("two-sample-binomial")
def test_standard_errors_give_the_sample_sizes(case: Case) -> None:
    params, values = case["params"], case["values"]
    null_difference = params.get("delta0", 0.0)
    ratio = params.get("ratio_n2_over_n1", params.get("ratio"))
    z_power = -float(ndtri(params["beta"]))
    # Whole numbers of responders in the proportions of the design.
    n1, n0 = 1000, 1000 * ratio
    x1, x0 = round(params["p1"] * n1), round(params["p2"] * n0)
    n = n1 + n0
    z, estimate, se, _ = compare(PROPORTIONS_MIETTINEN_NURMINEN, x1, n1, x0, n0, null_difference)
    distance = estimate - null_difference
    # The designs leave out the factor n / (n - 1) of the variance.
    null_se = distance / z * math.sqrt((n - 1) / n)

    def total(se_in_test: float) -> float:
        return float(n * ((Z95 * se_in_test + z_power * se) / distance) ** 2)

    if "total_n" in values:
        assert total(null_se) == pytest.approx(values["total_n"], rel=1e-11)
        shrunk = math.sqrt(n / 400.0)
        power = ndtr((abs(distance) - Z95 * null_se * shrunk) / (se * shrunk))
        assert power == pytest.approx(values["power_n400"], rel=1e-11)
    else:
        for name in ("gsDesign_FarringtonManning_total", "rpact_normal_total"):
            assert total(null_se) == pytest.approx(values[name], rel=1e-11)
        assert total(null_se) == pytest.approx(values["lrstat_riskdiff_nullvar"], rel=1e-7)
        assert total(se) == pytest.approx(values["lrstat_riskdiff_unpooled"], rel=1e-7)


@cases("simon-two-stage")
def test_exact_binomial_gives_the_probabilities_of_early_stops(case: Case) -> None:
    p0, values = case["params"]["p0"], case["values"]
    designs = [(d["r1"], d["n1"], d["PET_p0"]) for d in (values["minimax"], values["optimal"])]
    designs += [(d["r1"], d["n1"], d["PET0"]) for d in values["lrstat"]]
    for most, patients, stops in designs:
        p_value, z = exact_binomial(most + 1, patients, p0)
        assert 1.0 - p_value == pytest.approx(stops, rel=1e-10)
        assert ndtr(z) == pytest.approx(stops, rel=1e-10)


@kernel
def pooled_z(x1: IntArray, n1: IntArray, x0: IntArray, n0: IntArray, out: FloatArray) -> None:
    method = int(np.int64(PROPORTIONS_POOLED))
    one = int(np.int64(1))
    for i in range(len(out)):
        out[i] = compare_proportions(method, 0.0, x1[i], n1, x0[i], n0, one)[0]


def test_simulated_group_sequential_rates() -> None:
    (case,) = (case for case in CASES if case["kind"] == "simulated-nonTTE")
    (bounds,) = (case["values"]["LDOF"] for case in CASES if case["name"] == "bounds_un3")
    values, patients = case["values"], np.array(case["params"]["plannedSubjects"])
    rng = np.random.default_rng(19)
    n_trials = 100_000

    def responders(rate: float) -> NDArray[np.int64]:
        stages = rng.binomial(np.diff(patients, prepend=0) // 2, rate, (n_trials, 3))
        return np.cumsum(stages, axis=1, dtype=np.int64)

    experimental, control = responders(0.45), responders(0.3)
    z = np.empty((3, n_trials))
    for k, arm in enumerate(patients // 2):
        n = np.array([arm], dtype=np.int64)
        x1, x0 = (np.ascontiguousarray(x[:, k : k + 1]) for x in (experimental, control))
        pooled_z(x1, n, x0, n, z[k])
    crossed = z >= np.array(bounds["rpact"])[:, None]
    first = np.where(crossed.any(axis=0), crossed.argmax(axis=0), 3)
    rejected = np.array([np.mean(first == k) for k in range(3)])
    variance = np.array(values["rejectPerStage"])
    variance *= (1.0 - variance) * (1.0 / n_trials + 1.0 / values["nsim"])
    assert np.all(np.abs(rejected - values["rejectPerStage"]) < 4.0 * np.sqrt(variance))
    mcse = math.sqrt(2.0) * values["overallReject_mcse"]
    assert rejected.sum() == pytest.approx(values["overallReject"], abs=4.0 * mcse)
    treated = patients[np.minimum(first, 2)]
    mcse = math.sqrt(2.0) * treated.std() / math.sqrt(n_trials)
    assert treated.mean() == pytest.approx(values["expectedSubjects"], abs=4.0 * mcse)
