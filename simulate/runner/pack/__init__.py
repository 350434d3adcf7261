"""From a scenario to the engine's arrays: the one place that imports both."""

from __future__ import annotations

from simulate.runner.pack.accrual import evenly_spaced_entries
from simulate.runner.pack.course import endpoint_numbers, pack_schedule
from simulate.runner.pack.hazards import pack_hazards
from simulate.runner.pack.plan import pack

__all__ = ["endpoint_numbers", "evenly_spaced_entries", "pack", "pack_hazards", "pack_schedule"]
