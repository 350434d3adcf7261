"""What is kept of each block of trials: tallies in memory, rows or tallies in its file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from simulate.engine.arrays import (
    STATUS_LOOK_SKIPPED,
    STATUS_TARGET_NOT_REACHED,
    Statistics,
)
from simulate.results.decisions import decide, rejected_by_end
from simulate.results.estimates import Moments, Share
from simulate.results.tallies import Tallies
from simulate.results.tally import tally
from simulate.runner.columns import decode_rows, decode_table, encode_rows, encode_table
from simulate.runner.execute import Block
from simulate.runner.manifest import Manifest
from simulate.scenario.comparisons import planned_comparisons, rows_of
from simulate.scenario.models import Scenario

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
    """Of a block, how often a hypothesis was rejected, and how its final look came.

    Attributes
    ----------
    rejected : Share
        Trials that rejected it by their end.
    short : Share
        Trials whose final look lacks the events that it was planned at.
    month : Moments
        Calendar months of the final look, of the trials that have it.
    """

    rejected: Share
    short: Share
    month: Moments

    def combined(self, other: Rejections) -> Rejections:
        """Both parts of the trials together."""
        return Rejections(
            self.rejected.combined(other.rejected),
            self.short.combined(other.short),
            self.month.combined(other.month),
        )


@dataclass(frozen=True)
class KeepRejections:
    """Nothing but counts of one hypothesis, in memory alone.

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
        rejected = rejected_by_end(
            decide(self.scenario, statistics), comparisons, self.hypothesis
        )
        final = rows_of(comparisons, self.hypothesis)[-1]
        status, cutoff = statistics.status[:, final], statistics.cutoff[:, final]
        missing = STATUS_TARGET_NOT_REACHED | STATUS_LOOK_SKIPPED
        return Rejections(
            Share.of(rejected),
            Share.of((status & missing) != 0),
            Moments.of(cutoff[(status & STATUS_LOOK_SKIPPED) == 0]),
        )

    def encode(self, block: Block, statistics: Statistics, kept: Rejections) -> bytes:
        """Refuse: there are no files of counts."""
        raise ValueError("counts of a search are kept in memory alone")

    def decode(self, block: Block, data: bytes) -> Rejections:
        """Refuse: there are no files of counts."""
        raise ValueError("counts of a search are kept in memory alone")


def _given(manifest: Manifest | None) -> Manifest:
    if manifest is None:
        raise ValueError("files are written for a run folder only")
    return manifest
