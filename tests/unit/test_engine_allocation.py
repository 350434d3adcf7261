"""Strata and permuted blocks, against counting one patient after the other."""

from itertools import permutations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from twins.feature_scenarios import SMALL_AND_LARGE, feature_scenario
from twins.slow_patients import arms_of

from simulate.engine import allocation
from simulate.runner.pack import pack

IntArray = NDArray[np.int64]
SEED = 20260101
EXACTLY_ONE_TO_ONE = np.array(sorted(set(permutations([0, 0, 1, 1]))), dtype=np.int8)


def strata_of(uniforms: list[float], upper: list[float]) -> list[int]:
    stratum = np.full(len(uniforms), 77, dtype=np.int64)
    n = len(uniforms)
    allocation.assign_strata(np.array(uniforms), np.array(upper), n, stratum)
    return [int(s) for s in stratum]


def arms_by_blocks(trial: int, arrangements: NDArray[np.int8], n: int) -> IntArray:
    picks = np.zeros(n + 1, dtype=np.int64)
    arm = np.full(n, 77, dtype=np.int64)
    allocation.randomise(np.uint64(SEED), np.uint64(trial), arrangements, n, picks, arm)
    return arm


def arms_within(trial: int, arrangements: NDArray[np.int8], stratum: IntArray, s: int) -> IntArray:
    n = len(stratum)
    picks = np.zeros(n + s, dtype=np.int64)
    sequence = np.zeros(n + s * arrangements.shape[1], dtype=np.int64)
    next_place = np.zeros(s, dtype=np.uint64)
    arm = np.full(n, 77, dtype=np.int64)
    seed, number = np.uint64(SEED), np.uint64(trial)
    allocation.randomise_within_strata(
        seed, number, arrangements, stratum, n, s, picks, sequence, next_place, arm
    )
    return arm


def test_a_stratum_is_the_first_whose_limit_exceeds_the_uniform() -> None:
    upper = [0.2, 0.2, 0.7, 1.0]
    uniforms = [2.0**-53, np.nextafter(0.2, 0.0), 0.2, np.nextafter(0.7, 0.0), 0.7, 1.0 - 2.0**-53]
    # Nobody is in the second stratum, whose prevalence is 0.
    assert strata_of(uniforms, upper) == [0, 0, 2, 2, 3, 3]
    assert strata_of(uniforms, [1.0]) == [0] * 6


def test_strata_of_random_patients() -> None:
    rng = np.random.default_rng(1)
    upper = np.append(np.sort(rng.uniform(size=255)), 1.0).tolist()
    uniforms = rng.uniform(size=1000).tolist()
    assert strata_of(uniforms, upper) == [
        next(s for s, limit in enumerate(upper) if u < limit) for u in uniforms
    ]


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 37, 40])
def test_every_block_is_an_arrangement(n: int) -> None:
    allowed = {tuple(order) for order in EXACTLY_ONE_TO_ONE.tolist()}
    for trial in range(20):
        arm = arms_by_blocks(trial, EXACTLY_ONE_TO_ONE, n)
        for start in range(0, n - 3, 4):
            assert tuple(arm[start : start + 4].tolist()) in allowed
        rest = tuple(arm[n - n % 4 :].tolist())
        assert any(order[: len(rest)] == rest for order in allowed)


def test_arrangements_are_equally_likely() -> None:
    arm = arms_by_blocks(0, EXACTLY_ONE_TO_ONE, 4 * 60_000).reshape(-1, 4)
    counts = [int((arm == order).all(axis=1).sum()) for order in EXACTLY_ONE_TO_ONE]
    assert sum(counts) == 60_000
    assert stats.chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize("n_strata", [1, 2, 5, 256])
def test_blocks_within_strata_are_blocks_of_each_stratum_alone(n_strata: int) -> None:
    rng = np.random.default_rng(n_strata)
    allowed = {tuple(order) for order in EXACTLY_ONE_TO_ONE.tolist()}
    stratum = rng.integers(0, n_strata, size=101)
    arm = arms_within(9, EXACTLY_ONE_TO_ONE, stratum, n_strata)
    for s in range(n_strata):
        members = arm[stratum == s].tolist()
        for start in range(0, len(members), 4):
            block = tuple(members[start : start + 4])
            assert any(order[: len(block)] == block for order in allowed)


def test_one_stratum_has_the_blocks_of_no_strata() -> None:
    everyone = np.zeros(50, dtype=np.int64)
    np.testing.assert_array_equal(
        arms_within(4, EXACTLY_ONE_TO_ONE, everyone, 1), arms_by_blocks(4, EXACTLY_ONE_TO_ONE, 50)
    )


@pytest.mark.parametrize("trial", [0, 3, 2**32 + 5])
@pytest.mark.parametrize("name", ["plain", "three arms", "two to one", "stratified"])
def test_arms_are_those_of_the_slow_twin(name: str, trial: int) -> None:
    scenario = feature_scenario(name)
    plan = pack(scenario)
    stratum = np.random.default_rng(trial).integers(0, plan.n_strata, size=plan.n_patients)
    if plan.within_strata:
        arm = arms_within(trial, plan.arrangements, stratum, plan.n_strata)
    else:
        arm = arms_by_blocks(trial, plan.arrangements, plan.n_patients)
    names = list(scenario.arms)
    assert [names[a] for a in arm] == arms_of(scenario, trial, stratum.tolist())


@pytest.mark.parametrize(
    ("ratio", "size"),
    [({"new": 1, "old": 1}, 2), ({"new": 2, "old": 1}, 6), ({"new": 1, "old": 3}, 8)],
)
def test_arrangements_are_all_orders_of_a_block(ratio: dict[str, int], size: int) -> None:
    tables = {"ratio": ratio, "block_size": size}
    packed = pack(feature_scenario("plain", randomisation=tables)).arrangements
    copies = size // sum(ratio.values())
    block = [0] * (ratio["new"] * copies) + [1] * (ratio["old"] * copies)
    assert packed.tolist() == [list(order) for order in sorted(set(permutations(block)))]


def test_blocks_across_strata_ignore_them() -> None:
    tables = {"ratio": {"new": 1, "old": 1}, "block_size": 4, "within_strata": False}
    with_strata = feature_scenario("plain", strata=SMALL_AND_LARGE, randomisation=tables)
    assert pack(with_strata).within_strata == 0
    n = with_strata.accrual.patients
    arm = arms_by_blocks(2, pack(with_strata).arrangements, n)
    names = list(with_strata.arms)
    assert [names[a] for a in arm] == arms_of(feature_scenario("plain"), 2, [0] * n)


def test_cells_are_numbered_arm_by_arm() -> None:
    arm = np.array([0, 0, 1, 1, 2, 2])
    stratum = np.array([0, 2, 0, 2, 1, 2])
    cell = np.zeros(6, dtype=np.uint64)
    allocation.assign_cells(arm, stratum, 3, 6, cell)
    assert cell.tolist() == [0, 2, 3, 5, 7, 8]
