"""Tallies: what a block of trials comes down to, added up block by block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from simulate.results.estimates import Moments, Share, WholeMoments
from simulate.results.members import MemberShares
from simulate.results.quantiles import Bins, Values
from simulate.scenario.models import Scenario

Tally = Share | MemberShares | WholeMoments | Moments | Values | Bins
Kind = TypeVar("Kind", bound=Tally)


# Quantiles of binned months are good to half of this.
BIN_MONTHS = 1.0 / 128.0

# Ending of the quantity of a share by member, beside the share itself.
BY_MEMBER = "_by_member"

# Conditions. Shares at a look are among all trials.
EVERY_TRIAL = "all"
# Trials that have a look, by what became of them; each is in one of these, so that a row about more
# trials adds up several. In turn: the trial had stopped before; it reached the look, and later
# another one of this hypothesis; the look was the last of the hypothesis, but not of the trial; the
# trial ended here.
STOPPED_BEFORE = "stopped_before"
WENT_ON = "went_on"
LAST_OF_HYPOTHESIS = "last_of_hypothesis"
STOPPED_HERE = "stopped_here"
FATES = (STOPPED_BEFORE, WENT_ON, LAST_OF_HYPOTHESIS, STOPPED_HERE)
# Trials with an estimate at the last look of the hypothesis, by its conclusion.
REJECTED = "rejected"
NOT_REJECTED = "not_rejected"


class Key(NamedTuple):
    """What a tally is of.

    Attributes
    ----------
    hypothesis, analysis : str
        Names as in the rows of operating characteristics.
    quantity : str
        What is counted or summed.
    condition : str
        Which trials count; one of the conditions above.
    """

    hypothesis: str
    analysis: str
    quantity: str
    condition: str


def fates_of(scenario: Scenario) -> tuple[str, ...]:
    """What may become of a trial that has a look: with one analysis, it ends there."""
    return FATES if len(scenario.analyses) > 1 else (STOPPED_HERE,)


class Tallies(Mapping[Key, Tally]):
    """The tallies of a block of trials, or of several, by what they are of.

    Parameters
    ----------
    entries : mapping
        By key, in order.
    """

    def __init__(self, entries: Mapping[Key, Tally]) -> None:
        self._entries = dict(entries)

    def __getitem__(self, key: Key) -> Tally:
        return self._entries[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def are_exact(self) -> bool:
        """Whether quantiles are exact: the values are kept, not counted in bins."""
        return any(isinstance(entry, Values) for entry in self._entries.values())

    def over(self, kind: type[Kind], keys: Iterable[Key]) -> Kind:
        """Add up the tallies under some keys, one at least, in their order.

        Raises
        ------
        KeyError, TypeError
            If a key is unknown or its tally of another kind.
        """
        total: Kind | None = None
        for key in keys:
            entry = self._entries[key]
            if not isinstance(entry, kind):
                raise TypeError(f"{key} is {type(entry).__name__}, not {kind.__name__}")
            total = entry if total is None else _sum(total, entry)
        if total is None:
            raise KeyError("no keys")
        return total

    def combined(self, other: Tallies) -> Tallies:
        """Add up with the tallies of other trials.

        Raises
        ------
        ValueError
            If the two are not of the same keys and kinds.
        """
        if self._entries.keys() != other.keys():
            different = sorted(self._entries.keys() ^ other.keys())
            raise ValueError(f"tallies of different quantities cannot be combined: {different[0]}")
        return Tallies({key: _sum(entry, other[key]) for key, entry in self._entries.items()})

    def to_columns(self) -> dict[str, list[Any]]:
        """Return the tallies as columns of plain values, for a table.

        Returns
        -------
        dict of str to list
            Text: ``hypothesis``, ``analysis``, ``quantity``, ``condition``, ``kind``. Lists of
            integers: ``whole_numbers``, ``bins``, ``counts``. Lists of floats: ``real_numbers``.

        Raises
        ------
        ValueError
            If values are kept for exact quantiles.
        """
        columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
        for key, entry in self._entries.items():
            for name, cell in zip(COLUMNS, (*key, *_plain(entry)), strict=True):
                columns[name].append(cell)
        return columns

    @classmethod
    def from_columns(cls, columns: Mapping[str, Sequence[Any]]) -> Tallies:
        """Read what `to_columns` returned.

        Raises
        ------
        KeyError, TypeError, ValueError
            If it is not that.
        """
        entries: dict[Key, Tally] = {}
        for *names, kind, whole, real, bins, counts in zip(
            *(columns[name] for name in COLUMNS), strict=True
        ):
            entries[Key(*names)] = _tally(kind, whole, real, bins, counts)
        return cls(entries)


COLUMNS = (*Key._fields, "kind", "whole_numbers", "real_numbers", "bins", "counts")


def combine(parts: Iterable[Tallies]) -> Tallies:
    """Add up the tallies of blocks in the order given, keeping no block longer than needed.

    Raises
    ------
    ValueError
        If there are none, or their keys or kinds differ.
    """
    total: Tallies | None = None
    for part in parts:
        total = part if total is None else total.combined(part)
    if total is None:
        raise ValueError("no tallies to combine")
    return total


def _sum(first: Kind, second: Tally) -> Kind:
    """Both together; they must be of one kind."""
    if type(first) is not type(second):
        kinds = f"{type(first).__name__} and {type(second).__name__}"
        raise ValueError(f"tallies of different kinds cannot be combined: {kinds}")
    # Types cannot say that equal types were checked.
    return first.combined(second)  # type: ignore[arg-type,return-value]


def _plain(entry: Tally) -> tuple[str, list[int], list[float], list[int], list[int]]:
    """Kind, whole numbers, real numbers, bins and counts of a tally."""
    match entry:
        case Share():
            return "share", list(entry), [], [], []
        case WholeMoments():
            return "whole_moments", list(entry), [], [], []
        case Moments():
            n_trials, *real = entry
            return "moments", [n_trials], real, [], []
        case Bins():
            return "bins", [], [entry.width], entry.bins.tolist(), entry.counts.tolist()
        case MemberShares():
            return "member_shares", [], [], entry.successes.tolist(), entry.trials.tolist()
        case Values():
            raise ValueError("values kept for exact quantiles are not stored: bin them")


def _tally(
    kind: str,
    whole: Sequence[int],
    real: Sequence[float],
    bins: Sequence[int],
    counts: Sequence[int],
) -> Tally:
    """Build the tally of which `_plain` gave the parts."""
    match kind:
        case "share":
            return Share(*whole)
        case "whole_moments":
            return WholeMoments(*whole)
        case "moments":
            return Moments(*whole, *real)
        case "member_shares":
            return MemberShares(np.array(bins, dtype=np.int64), np.array(counts, dtype=np.int64))
        case "bins":
            (width,) = real
            return Bins(width, np.array(bins, dtype=np.int64), np.array(counts, dtype=np.int64))
        case _:
            raise ValueError(f"unknown kind of tally: {kind!r}")
