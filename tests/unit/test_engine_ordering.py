"""The sort of the keys against Python's, and the precision of the ticks."""

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


@pytest.mark.parametrize("cutoff", [1e-6, 0.3, 1.0, 1.999999999, 2.0, 37.5, 64.0, 1e6, 1e300])
def test_ticks_fit_and_keep_every_bit_of_late_times(cutoff: float) -> None:
    scale = ordering.ticks_per_month(cutoff)
    # A power of two: nothing is rounded.
    assert np.frexp(scale)[0] == 0.5
    assert 2**60 <= int(cutoff * scale) < 2**61
    late = np.linspace(cutoff / 128.0, cutoff, 50)
    assert all(int(time * scale) / scale == time for time in late)


@pytest.mark.parametrize("cutoff", [0.0, 1e-300, 1e-9])
def test_ticks_of_a_tiny_cutoff_fit(cutoff: float) -> None:
    assert 0 <= int(cutoff * ordering.ticks_per_month(cutoff)) < 2**61
