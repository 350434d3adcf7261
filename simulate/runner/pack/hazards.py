"""Hazards of the cells as arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from simulate.engine.arrays import FloatArray, IntArray
from simulate.engine.plan import Hazards
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


class _CellMembers(NamedTuple):
    """Hazards of one cell in all members.

    Scale and one over the shape of each member, number of its pieces; then, of all pieces one after
    the other, clock and cumulative hazard at the start and one over the slope.
    """

    scale: FloatArray
    inverse_shape: FloatArray
    n_pieces: IntArray
    clock: FloatArray
    cumulative: FloatArray
    inverse_slope: FloatArray


def pack_members(
    hazards: Sequence[Hazard | None],
    members: Mapping[int, WeibullMembers | Sequence[Hazard]],
    n_members: int,
) -> Hazards:
    """Arrays of the hazards of all members, one after the other.

    Parameters
    ----------
    hazards : sequence of Hazard or None
        One a cell; None where nobody ever has the event.
    members : mapping of int to WeibullMembers or sequence of Hazard
        Hazards that differ by member, by the number of the cell.
    n_members : int
        Number of members.
    """
    same = pack_hazards(hazards)
    if n_members == 1 and not members:
        return same
    n_cells = len(hazards)
    found = {cell: _of_cell(given, n_members) for cell, given in members.items()}
    most = max((int(cell.n_pieces.max()) for cell in found.values()), default=1)
    single_rates = same.single_rates and most == 1
    # Pieces are numbered within the member where there is one a cell, else throughout.
    n_copies = n_members if single_rates else 1
    clock, cumulative, inverse_slope = (
        [np.tile(column, n_copies)] for column in (same.clock, same.cumulative, same.inverse_slope)
    )
    first, stop = (
        np.tile(column, (n_members, 1)) for column in (same.first_piece, same.stop_piece)
    )
    scale, inverse_shape = (
        np.tile(column, (n_members, 1)) for column in (same.scale, same.inverse_shape)
    )
    n_pieces = len(same.clock)
    for cell, own in found.items():
        scale[:, cell], inverse_shape[:, cell] = own.scale, own.inverse_shape
        if single_rates:
            inverse_slope[0].reshape(n_members, n_cells)[:, cell] = own.inverse_slope
            continue
        stop[:, cell] = n_pieces + integers(accumulate(own.n_pieces.tolist()))
        first[:, cell] = stop[:, cell] - own.n_pieces
        n_pieces += len(own.clock)
        clock.append(own.clock)
        cumulative.append(own.cumulative)
        inverse_slope.append(own.inverse_slope)
    return same._replace(
        first_piece=first.reshape(-1),
        stop_piece=stop.reshape(-1),
        clock=np.concatenate(clock),
        cumulative=np.concatenate(cumulative),
        inverse_slope=np.concatenate(inverse_slope),
        scale=scale.reshape(-1),
        inverse_shape=inverse_shape.reshape(-1),
        single_rates=int(single_rates),
        at_most_two=int(same.at_most_two and most <= 2),
        all_linear=int(bool((inverse_shape == 1.0).all())),
        never=int(same.never and not members),
    )


def _of_cell(given: WeibullMembers | Sequence[Hazard], n_members: int) -> _CellMembers:
    """Hazards of one cell in all members; a single one holds in all of them."""
    if isinstance(given, WeibullMembers):
        shape, cumulative = (np.array(np.broadcast_to(column, n_members)) for column in given)
        inverse_shape = 1.0 / shape
        scale, linear = np.empty(n_members), shape == 1.0
        weibull_scales(ENSEMBLE_MONTHS, cumulative, inverse_shape, n_members, scale)
        # On the clock of a Weibull the slope is 1; see `_pieces`.
        slope = np.where(linear, ENSEMBLE_MONTHS / cumulative, 1.0)
        scale = np.where(linear, 1.0, scale)
        start, ones = np.zeros(n_members), np.ones(n_members, dtype=np.int64)
        return _CellMembers(scale, inverse_shape, ones, start, start, slope)
    pieces = [list(_pieces(hazard)) for hazard in given]
    flat = [piece for of_member in pieces for piece in of_member]
    return _CellMembers(
        floats(hazard.scale_months for hazard in given),
        floats(1.0 / hazard.shape for hazard in given),
        integers(len(of_member) for of_member in pieces),
        floats(start for start, _, _ in flat),
        floats(at_start for _, at_start, _ in flat),
        floats(inverse(slope) for _, _, slope in flat),
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
