"""Designs of a single arm by going through every outcome, in exact fractions."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from math import comb
from typing import NamedTuple


class SlowDesign(NamedTuple):
    """A two-stage design and what it does."""

    n1: int
    r1: int
    n: int
    r: int
    alpha: Fraction
    power: Fraction
    stop: Fraction
    expected: Fraction


@cache
def slow_mass(x: int, n: int, rate: Fraction) -> Fraction:
    """Probability of x responders of n."""
    return comb(n, x) * rate**x * (1 - rate) ** (n - x)


def slow_two_stage(n1: int, r1: int, n: int, r: int, rate: Fraction) -> tuple[Fraction, Fraction]:
    """Probabilities of rejecting and of stopping early, outcome by outcome."""
    rejecting = stopping = Fraction(0)
    for first in range(n1 + 1):
        if first <= r1:
            stopping += slow_mass(first, n1, rate)
            continue
        for second in range(n - n1 + 1):
            if first + second > r:
                rejecting += slow_mass(first, n1, rate) * slow_mass(second, n - n1, rate)
    return rejecting, stopping


def slow_designs(
    null: Fraction, alternative: Fraction, alpha: Fraction, power: Fraction, most: int
) -> Iterator[SlowDesign]:
    """Every two-stage design of at most so many patients that keeps to alpha and power."""
    for n in range(2, most + 1):
        for n1 in range(1, n):
            for r1 in range(n1):
                for r in range(r1, n):
                    reached, _ = slow_two_stage(n1, r1, n, r, alternative)
                    if reached < power:
                        break  # it only falls with r
                    level, stop = slow_two_stage(n1, r1, n, r, null)
                    if level <= alpha:
                        expected = n1 + (1 - stop) * (n - n1)
                        yield SlowDesign(n1, r1, n, r, level, reached, stop, expected)


def slow_single_arm(
    n: int, null: Fraction, alternative: Fraction, alpha: Fraction
) -> tuple[int, Fraction, Fraction]:
    """Fewest responders that reject, and the probabilities of rejecting at both rates."""
    for responders in range(n + 2):
        level = sum((slow_mass(x, n, null) for x in range(responders, n + 1)), Fraction(0))
        if level <= alpha:
            outcomes = range(responders, n + 1)
            reached = sum((slow_mass(x, n, alternative) for x in outcomes), Fraction(0))
            return responders, level, reached
    raise AssertionError("no responders at all have probability 0")
