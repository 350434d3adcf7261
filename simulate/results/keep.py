"""What is kept of each block of trials: tallies in memory, rows or tallies in its file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from simulate.engine.codes import STATUS_LOOK_SKIPPED, STATUS_TARGET_NOT_REACHED
from simulate.engine.statistics import Statistics
from simulate.results.decisions import BoolArray, decide, rejected_by_end
from simulate.results.estimates import Moments, Share, WholeMoments
from simulate.results.members import MemberShares
from simulate.results.tallies import Tallies
from simulate.results.tally import tally
from simulate.runner.columns import decode_rows, decode_table, encode_rows, encode_table
from simulate.runner.execute import Block
from simulate.runner.manifest import Manifest
from simulate.scenario.comparisons import planned_comparisons, rows_of
from simulate.scenario.models import Scenario
from simulate.scenario.resolve import n_members

Quantiles = Literal["exact", "binned"]


class Kept(NamedTuple):
    """Of a block, in memory.

    Attributes
    ----------
    tallies : Tallies, optional
        None in a shard, which reports nothing.
    statistics : Statistics, optional
        The rows themselves, where they are asked for.
    """

    tallies: Tallies | None
    statistics: Statistics | None


@dataclass(frozen=True)
class KeepRows:
    """Files hold the rows; tallies are made of them.

    Attributes
    ----------
    scenario : Scenario
        What is simulated.
    quantiles : {"exact", "binned"}, optional
        How tallies keep quantiles; no tallies at all if not given.
    in_memory : bool
        Whether the rows stay in memory, too.
    manifest : Manifest, optional
        Of the run folder, if there is one.
    """

    scenario: Scenario
    quantiles: Quantiles | None
    in_memory: bool
    manifest: Manifest | None = None

    def keep(self, block: Block, statistics: Statistics) -> Kept:
        """Tallies, and rows if they are asked for."""
        tallies = None
        if self.quantiles is not None:
            tallies = tally(
                self.scenario, statistics, first_trial=block.start, quantiles=self.quantiles
            )
        return Kept(tallies, statistics if self.in_memory else None)

    def encode(self, block: Block, statistics: Statistics, kept: Kept) -> bytes:
        """Rows as a Parquet file."""
        manifest = _given(self.manifest)
        return encode_rows(statistics, block.start, manifest.numbers, manifest.header)

    def decode(self, block: Block, data: bytes) -> Kept:
        """What `keep` would have kept, from a file."""
        if self.quantiles is None and not self.in_memory:
            return Kept(None, None)
        return self.keep(block, decode_rows(data, len(_given(self.manifest).numbers)))


@dataclass(frozen=True)
class KeepSummary:
    """Files hold tallies.

    Attributes
    ----------
    scenario : Scenario
        What is simulated.
    manifest : Manifest
        Of the run folder.
    """

    scenario: Scenario
    manifest: Manifest

    def keep(self, block: Block, statistics: Statistics) -> Kept:
        """Tallies."""
        tallies = tally(self.scenario, statistics, first_trial=block.start, quantiles="binned")
        return Kept(tallies, None)

    def encode(self, block: Block, statistics: Statistics, kept: Kept) -> bytes:
        """Tallies as a Parquet file, a row a tally."""
        import pyarrow as pa  # noqa: PLC0415 - only runs with a folder need it

        if kept.tallies is None:
            raise ValueError("there are no tallies to write")
        return encode_table(
            pa.table(kept.tallies.to_columns()), self.manifest.header | {"trials": list(block)}
        )

    def decode(self, block: Block, data: bytes) -> Kept:
        """Tallies from a file."""
        columns: dict[str, list[Any]] = decode_table(data).to_pydict()
        return Kept(Tallies.from_columns(columns), None)


class Rejections(NamedTuple):
    """Of some trials, how often a hypothesis was rejected, and how its final look came.

    Attributes
    ----------
    rejected : Share
        Trials that rejected it.
    short : Share
        Trials whose look lacks the events that it was planned at.
    month : Moments
        Calendar months of the look, of the trials that have it.
    events : WholeMoments
        Events of the hypothesis's arms at the look, of the trials that have it.
    by_member : MemberShares or None
        Trials that rejected it, by their truths; None where there is one.
    """

    rejected: Share
    short: Share
    month: Moments
    events: WholeMoments
    by_member: MemberShares | None

    def combined(self, other: Rejections) -> Rejections:
        """Both parts of the trials together."""
        own, its = self.by_member, other.by_member
        return Rejections(
            self.rejected.combined(other.rejected),
            self.short.combined(other.short),
            self.month.combined(other.month),
            self.events.combined(other.events),
            None if own is None or its is None else own.combined(its),
        )


class _InMemory:
    """What keeps no files."""

    def encode(self, block: Block, statistics: Statistics, kept: Any) -> bytes:
        """Refuse: there are no files."""
        raise ValueError("counts are kept in memory alone")

    def decode(self, block: Block, data: bytes) -> Any:
        """Refuse: there are no files."""
        raise ValueError("counts are kept in memory alone")


@dataclass(frozen=True)
class KeepRejections(_InMemory):
    """Counts of one hypothesis by the end of the trial, with those of its final look.

    Attributes
    ----------
    scenario : Scenario
        What is simulated.
    hypothesis : str
        Which one.
    """

    scenario: Scenario
    hypothesis: str

    def keep(self, block: Block, statistics: Statistics) -> Rejections:
        """Counts."""
        comparisons = planned_comparisons(self.scenario)
        decisions = decide(self.scenario, statistics)
        rejected = rejected_by_end(decisions, comparisons, self.hypothesis)
        final = rows_of(comparisons, self.hypothesis)[-1]
        return _rejections(self.scenario, block, statistics, final, rejected)


@dataclass(frozen=True)
class KeepEachLook(_InMemory):
    """Counts of one hypothesis at each of its looks, each as if it were the only one.

    Attributes
    ----------
    scenario : Scenario
        What is simulated.
    hypothesis : str
        Which one.
    """

    scenario: Scenario
    hypothesis: str

    def keep(self, block: Block, statistics: Statistics) -> tuple[Rejections, ...]:
        """Counts, a look each."""
        rows = rows_of(planned_comparisons(self.scenario), self.hypothesis)
        crosses = decide(self.scenario, statistics).crosses
        return tuple(
            _rejections(self.scenario, block, statistics, row, crosses[:, row]) for row in rows
        )


def _rejections(
    scenario: Scenario, block: Block, statistics: Statistics, row: int, rejected: BoolArray
) -> Rejections:
    """Counts of the trials of a block that reject, and of the look of a row."""
    status = statistics.status[:, row]
    here = (status & STATUS_LOOK_SKIPPED) == 0
    events = statistics.events_experimental[here, row] + statistics.events_control[here, row]
    members = n_members(scenario)
    return Rejections(
        Share.of(rejected),
        Share.of((status & (STATUS_TARGET_NOT_REACHED | STATUS_LOOK_SKIPPED)) != 0),
        Moments.of(statistics.cutoff[here, row]),
        WholeMoments.of(events),
        MemberShares.of(rejected, block.start, members) if members > 1 else None,
    )


def _given(manifest: Manifest | None) -> Manifest:
    if manifest is None:
        raise ValueError("files are written for a run folder only")
    return manifest
