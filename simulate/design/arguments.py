"""Checks of what the public functions of this room are given, with one message for each rule."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from simulate.errors import DesignError


def check_positive(**values: float) -> None:
    """Refuse what is not a finite number greater than 0."""
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0.0):
            raise DesignError(name, "must be a finite number greater than 0", value)


def check_not_negative(**values: float) -> None:
    """Refuse what is not a finite number of at least 0."""
    for name, value in values.items():
        if not (math.isfinite(value) and value >= 0.0):
            raise DesignError(name, "must be a finite number, 0 or more", value)


def check_open_probability(**values: float) -> None:
    """Refuse what is not strictly between 0 and 1."""
    for name, value in values.items():
        if not 0.0 < value < 1.0:
            raise DesignError(name, "must be strictly between 0 and 1", value)


def check_level(alpha: float) -> None:
    """Refuse what is not a one-sided level: above 0 and below a half."""
    if not 0.0 < alpha < 0.5:
        raise DesignError("alpha", "must be above 0 and below 0.5, as it is one-sided", alpha)


def check_power(power: float, alpha: float) -> None:
    """Refuse a level that is none, and a power that is not above it."""
    check_level(alpha)
    if not alpha < power < 1.0:
        raise DesignError("power", f"must be above alpha, {alpha:g}, and below 1", power)


def check_favourable(effect: float, power: float) -> None:
    """Refuse to look for a power where the effect does not favour the experimental arm."""
    if not effect > 0.0:
        raise DesignError(
            "power",
            "cannot be reached: the assumed effect does not favour the experimental arm",
            power,
            "assume another effect",
        )


def check_whole(least: int, **values: int) -> None:
    """Refuse what is not a whole number of at least ``least``."""
    for name, value in values.items():
        if isinstance(value, bool) or not float(value).is_integer() or value < least:
            raise DesignError(name, f"must be a whole number of at least {least}", value)


def check_steps(
    starts_name: str, starts: Sequence[float], values_name: str, values: Sequence[float]
) -> None:
    """Refuse steps that do not begin at 0 and increase, or that lack values."""
    if not values or len(starts) != len(values):
        counts = f"{len(starts)} and {len(values)}"
        raise DesignError(starts_name, f"must be as many as {values_name}, at least one", counts)
    rising = all(before < after for before, after in pairwise(starts))
    if starts[0] != 0.0 or not rising or not math.isfinite(starts[-1]):
        raise DesignError(starts_name, "must begin with 0 and increase", listed(starts))


def listed(values: Sequence[float]) -> str:
    """Write numbers as on the command line, with commas between them."""
    return ",".join(f"{value:g}" for value in values)
