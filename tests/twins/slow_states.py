"""The course of one patient through the states of a disease: the slow twin.

Times come from unit exponentials, one a transition, by inverting cumulative hazards.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

NEVER = math.inf


class Weibull(NamedTuple):
    """A transition: cumulative hazard ``cumulative_12 * (t / 12) ** shape``, by its clock."""

    shape: float
    cumulative_12: float
    clock: str = "reset"

    def cumulative(self, month: float) -> float:
        return self.cumulative_12 * math.pow(month / 12.0, self.shape) if month > 0.0 else 0.0

    def inverse(self, cumulative: float) -> float:
        """Month at which the cumulative hazard is reached; infinite if it never is."""
        if self.cumulative_12 == 0.0:
            return 0.0 if cumulative == 0.0 else NEVER
        return 12.0 * math.pow(cumulative / self.cumulative_12, 1.0 / self.shape)

    def between(self, entry: float, month: float) -> float:
        """Cumulative hazard from entry into the state to ``month``."""
        if self.clock == "forward":
            return self.cumulative(month) - self.cumulative(entry)
        return self.cumulative(month - entry)

    def when(self, entry: float, hazard: float) -> float:
        """Month at which the cumulative hazard since entry into the state is ``hazard``."""
        if self.clock == "forward":
            return self.inverse(hazard + self.cumulative(entry))
        return entry + self.inverse(hazard)


Model = Mapping[str, Weibull]
ABSENT = Weibull(1.0, 0.0)


class StatesCourse(NamedTuple):
    """Latent months from randomisation; infinite for never. Death before progression ends both."""

    response: float
    progression: float
    death: float


def slow_states(model: Model, exponentials: Mapping[str, float]) -> StatesCourse:
    """Walk from state to state; ``exponentials`` has a unit exponential for each transition."""
    response = progression = NEVER
    state, entry = "stable", 0.0
    while True:
        exits = {
            to: model.get(f"{state}_to_{to}", ABSENT).when(entry, exponentials[f"{state}_to_{to}"])
            for to in WAYS[state]
        }
        to = min(exits, key=lambda name: exits[name])
        if to == "death" or exits[to] == NEVER:
            return StatesCourse(response, progression, exits[to])
        state, entry = to, exits[to]
        if to == "response":
            response = entry
        else:
            progression = entry


WAYS = {
    "stable": ("response", "progression", "death"),
    "response": ("progression", "death"),
    "progression": ("death",),
}
TRANSITIONS = tuple(f"{state}_to_{to}" for state, ways in WAYS.items() for to in ways)
