"""From the blocks of a run to its result: the work on each, and what comes of all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from simulate.api.inputs import Keep, planned_blocks
from simulate.engine.statistics import Statistics
from simulate.errors import StoreError
from simulate.results.characteristics import operating_characteristics
from simulate.results.keep import KeepRows, KeepSummary, Kept, Quantiles
from simulate.results.result import Result
from simulate.results.tallies import Tallies, combine
from simulate.results.twins import twins
from simulate.runner.execute import BLOCK_TRIALS, Block
from simulate.runner.files import size_in_words
from simulate.runner.folder import RunFolder, free_bytes, has_manifest, real_path, start_folder
from simulate.runner.manifest import SUMMARY, new_manifest
from simulate.runner.pack import pack
from simulate.runner.work import BlockWork, Done
from simulate.scenario.comparisons import planned_comparisons
from simulate.scenario.endpoints import OF_PATIENTS
from simulate.scenario.models import Scenario
from simulate.scenario.resolve import n_members

# More rows than this do not stay in memory (about 85 bytes each), and quantiles are binned.
MOST_ROWS_IN_MEMORY = 4_000_000
MOST_TRIALS_IN_MEMORY = 1_000_000
# Measured: 30 to 44 with log-rank tests and Cox estimates.
BYTES_A_ROW = 45
# Measured: 17 of estimates without a test, and of binary endpoints: most columns are empty.
BYTES_A_SPARSE_ROW = 20
# Of an ensemble, in the manifest.
BYTES_A_PARAMETER = 20
# Measured: 4,000 to 14,000 a row of the trial and block; they depend on the spread of the looks.
BYTES_A_SUMMARY_ROW = 10_000
# Measured: some 3,000 of estimates without a test; fewer on scans, which give few values.
BYTES_A_SUMMARY_ESTIMATE = 3_000
# Measured: 4 with 20 trials a member and block, fewer with fewer.
BYTES_A_MEMBER = 4


@dataclass
class Counts:
    """What became of the blocks of a run.

    Attributes
    ----------
    simulated, found : int
        Blocks simulated now, and blocks whose files were there and right.
    trials, file_bytes : int
        Trials and size of the files of both.
    complaints : list of str
        Files that were set aside, and why.
    changes : list of str
        What has changed in a folder that was there.
    """

    simulated: int = 0
    found: int = 0
    trials: int = 0
    file_bytes: int = 0
    complaints: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)

    def add(self, block: Block, done: Done[Kept]) -> None:
        """Count a block."""
        self.simulated += done.simulated
        self.found += not done.simulated
        self.trials += block.stop - block.start
        self.file_bytes += done.file_bytes
        if done.complaint:
            self.complaints.append(done.complaint)


def start(
    scenario: Scenario, path: Path, keep: Keep, blocks: Sequence[Block], counts: Counts
) -> RunFolder:
    """Make the run folder, or go on in it, if there is room for those of ``blocks`` it lacks."""
    manifest = new_manifest(scenario, BLOCK_TRIALS, keep)
    # Before anything is written: what is refused leaves no trace.
    _check_room(RunFolder(real_path(path), manifest), scenario, keep, blocks)
    folder, counts.changes = start_folder(path, manifest)
    return folder


def _check_room(folder: RunFolder, scenario: Scenario, keep: Keep, blocks: Sequence[Block]) -> None:
    """Refuse blocks for which the disk has no room."""
    check_free(folder.path, missing_bytes(folder, scenario, keep, blocks), keep)


def missing_bytes(
    folder: RunFolder, scenario: Scenario, keep: Keep, blocks: Sequence[Block]
) -> float:
    """About the size of those of ``blocks`` that a folder, which need not exist, lacks."""
    present = folder.present() if has_manifest(folder.path) else {}
    n_missing = sum(block not in present for block in blocks)
    return expected_bytes(scenario, keep) * n_missing / len(folder.planned())


def check_free(path: Path, needed: float, keep: Keep) -> None:
    """Refuse to write so many bytes where the disk has no room for them.

    Raises
    ------
    StoreError
        With both sizes.
    """
    free = free_bytes(path)
    if needed > free:
        remedy = "" if keep == SUMMARY else "; --keep summary needs far less"
        raise StoreError(
            f"{path}: about {size_in_words(needed)} more are needed there, and "
            f"{size_in_words(free)} are free{remedy}"
        )


def expected_bytes(scenario: Scenario, keep: Keep) -> int:
    """About the size of the finished run folder."""
    rows = planned_comparisons(scenario)
    manifest = BYTES_A_PARAMETER * sum(
        len(hazards.shape) + len(hazards.cumulative_12)
        for arm in scenario.arms.values()
        if arm.states is not None
        for hazards in arm.states.members.values()
    )
    if keep == SUMMARY:
        members = n_members(scenario)
        of_members = (BYTES_A_MEMBER * members if members > 1 else 0) * len(rows)
        a_block = of_members + sum(
            BYTES_A_SUMMARY_ROW
            if row.hypothesis in scenario.hypotheses
            else BYTES_A_SUMMARY_ESTIMATE
            for row in rows
        )
        return manifest + a_block * len(planned_blocks(scenario))
    tested = scenario.hypotheses.items()
    full = {name for name, chosen in tested if chosen.endpoint in OF_PATIENTS}
    a_trial = sum(BYTES_A_ROW if r.hypothesis in full else BYTES_A_SPARSE_ROW for r in rows)
    return manifest + a_trial * scenario.simulation.trials


def fits_in_memory(scenario: Scenario) -> bool:
    """Whether the rows of all trials stay in memory."""
    trials = scenario.simulation.trials
    rows = trials * len(planned_comparisons(scenario))
    return trials <= MOST_TRIALS_IN_MEMORY and rows <= MOST_ROWS_IN_MEMORY


def work_on(
    scenario: Scenario, folder: RunFolder | None, *, reports: bool = True
) -> BlockWork[Kept]:
    """What is done with each block; ``reports`` if operating characteristics come out."""
    manifest = None if folder is None else folder.manifest
    present = {} if folder is None else folder.present()
    keeper: KeepRows | KeepSummary
    if manifest is not None and manifest.keep == SUMMARY:
        keeper = KeepSummary(scenario, manifest)
    else:
        fits = fits_in_memory(scenario)
        quantiles: Quantiles = "exact" if fits else "binned"
        keeper = KeepRows(scenario, quantiles if reports else None, fits and reports, manifest)
    progression = None if manifest is None else manifest.progression_hazards()
    return BlockWork(pack(scenario, progression), scenario.simulation.seed, keeper, folder, present)


def counted(
    done: Iterator[tuple[Block, Done[Kept]]], counts: Counts
) -> Iterator[tuple[Block, Kept]]:
    """Count blocks as they pass."""
    for block, result in done:
        counts.add(block, result)
        yield block, result.kept


def result_of(
    scenario: Scenario, blocks: Sequence[Block], done: Iterator[tuple[Block, Kept]]
) -> Result:
    """Add up what was kept of the blocks, in their order whatever the order they are done in."""
    rows: list[Statistics] = []

    def in_order() -> Iterator[Tallies]:
        waiting: dict[Block, Kept] = {}
        places = iter(blocks)
        due = next(places, None)
        for block, kept in done:
            waiting[block] = kept
            while due in waiting:
                now = waiting.pop(due)
                if now.statistics is not None:
                    rows.append(now.statistics)
                if now.tallies is not None:
                    yield now.tallies
                due = next(places, None)

    tallies = combine(in_order())
    table = operating_characteristics(scenario, tallies)
    return Result(
        scenario=scenario,
        tallies=tallies,
        operating_characteristics=tuple(table),
        twins=tuple(twins(scenario, table)),
        blocks=rows,
    )


def judged_again(scenario: Scenario, statistics: Statistics) -> Result:
    """Result of a scenario from the statistics of another that differs in its design alone.

    Parameters
    ----------
    scenario : Scenario
        With the data hash, trials and seed that the statistics were simulated with.
    statistics : Statistics
        Of all its trials.

    Returns
    -------
    Result
        The same, to the bit, as that of a run of its own.
    """
    keeper = KeepRows(scenario, "exact", in_memory=True)

    def kept(block: Block) -> Kept:
        columns = statistics._asdict().items()
        part = {name: column[block.start : block.stop] for name, column in columns}
        return keeper.keep(block, Statistics(**part))

    blocks = planned_blocks(scenario)
    return result_of(scenario, blocks, ((block, kept(block)) for block in blocks))
