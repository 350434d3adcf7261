"""A multi-state model in words."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from simulate.report.distributions_in_words import definition_text
from simulate.report.wording import number, status_text, stratum_text
from simulate.scenario.states import CLOCKED, States


def states_in_words(states: States) -> Iterator[str]:
    """Transitions of an arm's multi-state model, or its ensemble."""
    if states.members:
        name = f" of {states.ensemble}" if states.ensemble else ""
        status = status_text(states.status)
        yield f"  states: {states.n_members:,} calibrated members{name}; by trial in turn{status}"
    else:
        yield f"  states:{status_text(states.status)}"
    for transition in states.given:
        label = transition.replace("_", " ")
        clock = ", months since then" if transition in CLOCKED else ""
        clock = clock if states.clock(transition) == "reset" else ", months from randomisation"
        yield f"    {label}: {_text(states, transition)}{clock}"
        table = getattr(states, transition)
        for entry in {} if table is None else table.by_stratum.values():
            where = stratum_text(entry.stratum)
            yield f"      where {where}: {definition_text(entry)}{status_text(entry.status)}"
    if states.discontinuation is not None:
        yield f"    discontinuation: {definition_text(states.discontinuation)}"
    if states.discount != 1.0:
        yield f"    hazards of progression and death divided by {number(states.discount)}"


def _text(states: States, transition: str) -> str:
    """Distribution of a transition: as written, or over the members."""
    if transition in states.members:
        members = states.members[transition]
        cumulative = np.quantile(members.cumulative_12, (0.025, 0.5, 0.975))
        low, middle, high = (number(float(value), 3) for value in cumulative)
        text = f"cumulative hazard at 12 months {middle} (95% from {low} to {high})"
        shapes = np.quantile(members.shape, (0.025, 0.5, 0.975))
        if shapes[0] != 1.0 or shapes[2] != 1.0:
            low, middle, high = (number(float(value), 3) for value in shapes)
            text += f", shape {middle} ({low} to {high})"
        return text
    table = getattr(states, transition)
    return definition_text(table) + status_text(table.status)
