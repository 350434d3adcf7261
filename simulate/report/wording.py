"""Figures as a person would write them."""

from __future__ import annotations


def number(value: float, digits: int = 6) -> str:
    """Write a figure as a person would: no trailing zeros, up to six digits."""
    return f"{value:,.{digits}g}"


def months_text(months: float) -> str:
    """A number of months."""
    return "1 month" if months == 1.0 else f"{number(months)} months"
