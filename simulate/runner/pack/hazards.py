"""Hazards of the cells as arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simulate.engine.arrays import Hazards
from simulate.runner.pack.values import exp, floats, integers, inverse, log
from simulate.scenario.hazards import Hazard


def pack_hazards(hazards: Sequence[Hazard | None]) -> Hazards:
    """Arrays of one hazard a cell; None where nobody ever has the event."""
    clock: list[float] = []
    cumulative: list[float] = []
    inverse_slope: list[float] = []
    pieces_of = [list(_pieces(h)) if h else [(0.0, 0.0, 0.0)] for h in hazards]
    single_rates = all(len(pieces) == 1 for pieces in pieces_of)
    places: dict[Hazard | None, tuple[int, int]] = {}
    where = []
    for hazard, pieces in zip(hazards, pieces_of, strict=True):
        # With single rates a cell's number is the place of its piece.
        if hazard not in places or single_rates:
            places[hazard] = (len(clock), len(clock) + len(pieces))
            clock += [y for y, _, _ in pieces]
            cumulative += [at_start for _, at_start, _ in pieces]
            inverse_slope += [inverse(slope) for _, _, slope in pieces]
        where.append(places[hazard])
    linear = [hazard is None or hazard.shape == 1.0 for hazard in hazards]
    return Hazards(
        first_piece=integers(first for first, _ in where),
        stop_piece=integers(stop for _, stop in where),
        clock=floats(clock),
        cumulative=floats(cumulative),
        inverse_slope=floats(inverse_slope),
        scale=floats(h.scale_months if h else 1.0 for h in hazards),
        inverse_shape=floats(1.0 / h.shape if h else 1.0 for h in hazards),
        single_rates=int(single_rates),
        at_most_two=int(all(len(pieces) <= 2 for pieces in pieces_of)),
        all_linear=int(all(linear)),
        never=int(all(hazard is None for hazard in hazards)),
    )


def _pieces(hazard: Hazard) -> Iterator[tuple[float, float, float]]:
    """Clock and cumulative hazard at the start of each piece, and its slope on the clock.

    With shape 1 the clock is months, whatever the scale: the engine then leaves it as it is.
    """
    linear = hazard.shape == 1.0
    slopes = [slope / hazard.scale_months if linear else slope for slope in hazard.slopes]
    clock = [start if linear else _clock(hazard, start) for start in hazard.starts_months]
    at_start = 0.0
    for j, slope in enumerate(slopes):
        yield clock[j], at_start, slope
        if j + 1 < len(slopes):
            at_start += slope * (clock[j + 1] - clock[j])


def _clock(hazard: Hazard, months: float) -> float:
    """Weibull clock ``(months / scale) ** shape`` with the engine's bits."""
    return exp(hazard.shape * log(months / hazard.scale_months)) if months > 0.0 else 0.0
