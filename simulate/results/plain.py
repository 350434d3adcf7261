"""Results as plain data: null where JSON has no number."""

from __future__ import annotations

import math
from typing import Any


def or_null(value: Any) -> Any:
    """The value; None for infinite numbers and NaN."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def plain_row(row: dict[str, Any]) -> dict[str, Any]:
    """The row with None for infinite numbers and NaN."""
    return {key: or_null(value) for key, value in row.items()}
