"""Hazards of the cells as arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from simulate.engine.arrays import FloatArray, Hazards
from simulate.engine.times import weibull_scales
from simulate.runner.pack.values import exp, floats, integers, inverse, log
from simulate.scenario.hazards import Hazard
from simulate.scenario.states import ENSEMBLE_MONTHS


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


class WeibullMembers(NamedTuple):
    """Weibull hazards of an ensemble, each (n_members,): shape, cumulative hazard at 12 months."""

    shape: FloatArray
    cumulative: FloatArray


def pack_members(
    hazards: Sequence[Hazard | None], members: Mapping[int, WeibullMembers], n_members: int
) -> Hazards:
    """Arrays of the hazards of all members, one after the other.

    Parameters
    ----------
    hazards : sequence of Hazard or None
        One a cell; None where nobody ever has the event.
    members : mapping of int to WeibullMembers
        Hazards that differ by member, by the number of the cell.
    n_members : int
        Number of members.
    """
    same = pack_hazards(hazards)
    if n_members == 1 and not members:
        return same
    n_cells = len(hazards)
    # Pieces are numbered within the member where there is one a cell, else throughout.
    n_copies = n_members if same.single_rates else 1
    clock, cumulative, inverse_slope = (
        np.tile(column, n_copies) for column in (same.clock, same.cumulative, same.inverse_slope)
    )
    first, stop = (
        np.tile(column, (n_members, 1)) for column in (same.first_piece, same.stop_piece)
    )
    scale, inverse_shape = (
        np.tile(column, (n_members, 1)) for column in (same.scale, same.inverse_shape)
    )
    for cell, weibull in members.items():
        scale[:, cell], inverse_shape[:, cell], slope = _weibull_members(weibull)
        if same.single_rates:
            inverse_slope.reshape(n_members, n_cells)[:, cell] = slope
            continue
        first[:, cell] = len(clock) + np.arange(n_members)
        stop[:, cell] = first[:, cell] + 1
        nothing = np.zeros(n_members)
        clock, cumulative = np.append(clock, nothing), np.append(cumulative, nothing)
        inverse_slope = np.append(inverse_slope, slope)
    return same._replace(
        first_piece=first.reshape(-1),
        stop_piece=stop.reshape(-1),
        clock=clock,
        cumulative=cumulative,
        inverse_slope=inverse_slope,
        scale=scale.reshape(-1),
        inverse_shape=inverse_shape.reshape(-1),
        all_linear=int(bool((inverse_shape == 1.0).all())),
        never=int(same.never and not members),
    )


def _weibull_members(weibull: WeibullMembers) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Scale, one over the shape and one over the slope on the clock; see `_pieces`."""
    inverse_shape = 1.0 / weibull.shape
    scale = np.empty(len(inverse_shape))
    weibull_scales(ENSEMBLE_MONTHS, weibull.cumulative, inverse_shape, len(scale), scale)
    linear = weibull.shape == 1.0
    slope = np.where(linear, ENSEMBLE_MONTHS / weibull.cumulative, 1.0)
    return np.where(linear, 1.0, scale), inverse_shape, slope


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
