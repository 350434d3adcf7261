"""The sort of the keys against Python's, strata parted from it, and the precision of the ticks."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from simulate.engine import ordering

IntArray = NDArray[np.int64]
SIZES = [0, 1, 2, 48, 49, 50, 300, 5000]
TOP = 1 << 49


def sort(keys: IntArray, first: int = 0, last: int | None = None) -> IntArray:
    """Sorted copy of the keys from ``first`` to ``last``, the others untouched."""
    result = keys.copy()
    buffer = np.full(len(keys), -5, dtype=np.int64)
    places = np.full((2, 256), 77, dtype=np.uint64)
    part = result[first:last]
    ordering.sort_keys(part, len(part), buffer, places)
    return result


def spread(rng: np.random.Generator, n: int) -> IntArray:
    return rng.integers(0, 2**63 - 1, size=n)


def all_equal(rng: np.random.Generator, n: int) -> IntArray:
    return np.full(n, spread(rng, 1)[0])


def few_distinct(rng: np.random.Generator, n: int) -> IntArray:
    return rng.choice(spread(rng, 3), size=n)


def one_cluster(rng: np.random.Generator, n: int) -> IntArray:
    # All the top bits are the same, so that nothing but the full sort can order them.
    return 5 * TOP + rng.integers(0, TOP, size=n)


def cluster_falling(rng: np.random.Generator, n: int) -> IntArray:
    return np.sort(one_cluster(rng, n))[::-1].copy()


def two_clusters(rng: np.random.Generator, n: int) -> IntArray:
    return rng.choice(np.array([0, 2**62]), size=n) + rng.integers(0, TOP, size=n)


def small_numbers(rng: np.random.Generator, n: int) -> IntArray:
    return rng.integers(0, 4, size=n)


def rising(rng: np.random.Generator, n: int) -> IntArray:
    return np.sort(spread(rng, n))


def falling(rng: np.random.Generator, n: int) -> IntArray:
    return rising(rng, n)[::-1].copy()


def differing_in_one_byte(rng: np.random.Generator, n: int) -> IntArray:
    return rng.integers(0, 256, size=n) << (8 * rng.integers(0, 6))


def follow_up(rng: np.random.Generator, n: int) -> IntArray:
    # Small times of a few patients and the same administrative time for many.
    times = np.minimum(rng.exponential(2.0**55, size=n), 2.0**54).astype(np.int64)
    return times << 2 | rng.integers(0, 4, size=n)


def extremes(rng: np.random.Generator, n: int) -> IntArray:
    return rng.choice(np.array([0, 1, TOP - 1, TOP, 2**62, 2**63 - 1]), size=n)


KINDS: list[Callable[[np.random.Generator, int], IntArray]] = [
    spread,
    all_equal,
    few_distinct,
    one_cluster,
    cluster_falling,
    two_clusters,
    small_numbers,
    rising,
    falling,
    differing_in_one_byte,
    follow_up,
    extremes,
]


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_keys_are_sorted(kind: Callable[[np.random.Generator, int], IntArray], n: int) -> None:
    for seed in range(5):
        keys = kind(np.random.default_rng([seed, n]), n)
        assert sort(keys).tolist() == sorted(keys.tolist())


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_part_is_sorted_and_the_rest_untouched(
    kind: Callable[[np.random.Generator, int], IntArray],
) -> None:
    keys = kind(np.random.default_rng(8), 400)
    for first, last in [(0, 10), (7, 7), (7, 399), (100, 148), (100, 149), (250, 400)]:
        expected = keys.tolist()
        expected[first:last] = sorted(expected[first:last])
        assert sort(keys, first, last).tolist() == expected


@pytest.mark.parametrize("n", [0, 1, 7, 60, 401])
@pytest.mark.parametrize("n_strata", [1, 2, 3, 4, 8, 9, 256])
def test_strata_are_parted_from_one_order(n_strata: int, n: int) -> None:
    bits = (n_strata - 1).bit_length()
    rng = np.random.default_rng([n_strata, n])
    # Few distinct keys: ties within and between strata.
    keys = rng.integers(0, 40, size=n) << 2 | rng.integers(0, 4, size=n)
    stratum = rng.integers(0, n_strata, size=n)
    own = [sorted(keys[stratum == s].tolist()) for s in range(n_strata)]
    of_all = sorted(keys.tolist())
    ordering.append_strata(stratum, n, bits, keys)
    keys = sort(keys)
    out = np.full(n + 1, -7, dtype=np.int64)
    ordering.take_off_strata(keys, n, bits, out)
    assert out[:n].tolist() == of_all
    segment = np.full(n_strata + 1, -7, dtype=np.int64)
    places = np.full(n_strata, 77, dtype=np.uint64)
    ordering.part_strata(keys, n, bits, n_strata, places, segment, out)
    assert [out[segment[s] : segment[s + 1]].tolist() for s in range(n_strata)] == own


@pytest.mark.parametrize("arms", [(0, 1), (2, 0), (1, -1), (3, 4)])
def test_patients_of_other_arms_are_left_out(arms: tuple[int, int]) -> None:
    rng = np.random.default_rng(9)
    keys = spread(rng, 100)
    arm = rng.integers(0, 4, size=100)
    expected = [int(key) for key, own in zip(keys, arm, strict=True) if own in arms]
    n = ordering.keep_arms(arm, *arms, 100, keys)
    assert keys[:n].tolist() == expected


@pytest.mark.parametrize("month", [-1.0, 0.0, 2.9, 3.0, 9.0, 40.0, np.inf])
def test_keys_until_a_month_are_counted(month: float) -> None:
    times = [0.0, 0.5, 3.0, 3.0, 3.0, 5.0, 9.0]
    scale = ordering.ticks_per_month(9.0, 3)
    keys = np.array([int(time * scale) << 2 | k % 4 for k, time in enumerate(times)])
    n = ordering.count_keys_until(np.sort(keys), len(times), scale, month)
    assert n == sum(time <= month for time in times)


@pytest.mark.parametrize("cutoff", [1e-6, 0.3, 1.0, 1.999999999, 2.0, 37.5, 64.0, 1e6, 1e300])
@pytest.mark.parametrize("stratum_bits", [0, 1, 2, 8])
def test_ticks_fit_and_keep_every_bit_of_late_times(cutoff: float, stratum_bits: int) -> None:
    scale = ordering.ticks_per_month(cutoff, stratum_bits)
    # A power of two: nothing is rounded.
    assert np.frexp(scale)[0] == 0.5
    assert 2**60 <= int(cutoff * scale) << stratum_bits < 2**61
    late = np.linspace(cutoff * 2.0 ** (stratum_bits - 7), cutoff, 50)
    assert all(int(time * scale) / scale == time for time in late)


@pytest.mark.parametrize("cutoff", [0.0, 1e-300, 1e-9])
def test_ticks_of_a_tiny_cutoff_fit(cutoff: float) -> None:
    assert 0 <= int(cutoff * ordering.ticks_per_month(cutoff, 0)) < 2**61
