"""Figures as a person would write them."""

from __future__ import annotations

from collections.abc import Mapping


def number(value: float, digits: int = 6) -> str:
    """Write a figure as a person would: no trailing zeros, up to six digits."""
    return f"{value:,.{digits}g}"


def months_text(months: float) -> str:
    """A number of months."""
    return "1 month" if months == 1.0 else f"{number(months)} months"


def status_text(status: str | None) -> str:
    """How a figure is known, where the file says it."""
    return f" [{status}]" if status else ""


def stratum_text(levels: Mapping[str, str]) -> str:
    """A stratum by the levels of its factors."""
    return ", ".join(f"{factor} = {level}" for factor, level in levels.items())
