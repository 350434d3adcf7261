"""Two runs with one seed, compared trial by trial: they share their patients."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple

from simulate.engine.statistics import Statistics
from simulate.errors import RefusedError, StoreError
from simulate.results.clusters import AnyPairs, ClusteredPairs, clustered_pairs, combined_pairs
from simulate.results.pairs import Figure, Pairs, RejectionPairs
from simulate.results.plain import plain_row
from simulate.results.settings import Setting, settings_that_differ
from simulate.runner.columns import decode_rows
from simulate.runner.execute import Block
from simulate.runner.folder import RunFolder
from simulate.runner.manifest import SUMMARY
from simulate.scenario.comparisons import planned_comparisons
from simulate.scenario.models import Scenario
from simulate.scenario.resolve import n_members

JSON_VERSION = 1
MOST_LISTED = 5
# What two folders must share for their trials to be pairs, and how to say it.
SHARED = {
    "seed": "seed: runs share their patients if they have one seed",
    "stream_version": "version of the random numbers",
    "block_trials": "trials in a block",
}


class Difference(NamedTuple):
    """One operating characteristic of two runs, over the trials that have it in both.

    Attributes
    ----------
    hypothesis, analysis, measure : str
        Names as in the rows of operating characteristics.
    estimate_a, estimate_b, difference : float
        In A, in B, and B less A; this and all that follows is NaN where undefined.
    mcse : float
        Monte Carlo standard error of the difference, from pairs.
    mcse_independent : float
        What it would be if the two runs had patients of their own.
    variance_ratio : float
        The square of the latter over the former: pairs are worth so many times the trials.
    correlation : float
        Of the two values of a trial.
    n_trials, n_only_a, n_only_b, n_neither : int
        Trials with a finite value in both runs, in one, in none; only the first count.
    """

    hypothesis: str
    analysis: str
    measure: str
    estimate_a: float
    estimate_b: float
    difference: float
    mcse: float
    mcse_independent: float
    variance_ratio: float
    correlation: float
    n_trials: int
    n_only_a: int
    n_only_b: int
    n_neither: int


class Rejections(NamedTuple):
    """In how many trials a hypothesis was rejected in both runs, in one, in neither."""

    hypothesis: str
    analysis: str
    measure: str
    both: int
    only_a: int
    only_b: int
    neither: int


class Unpaired(NamedTuple):
    """A planned test that only one run has: ``run`` is "a" or "b"."""

    run: str
    hypothesis: str
    analysis: str


@dataclass(frozen=True)
class Side:
    """One of the two runs.

    Attributes
    ----------
    folder : RunFolder
        Where its trials are.
    scenario : Scenario
        What was simulated; its own design judges its trials.
    """

    folder: RunFolder
    scenario: Scenario

    @property
    def hashes(self) -> tuple[str, str]:
        """What is simulated and how it is judged."""
        return self.folder.manifest.data_hash, self.folder.manifest.design_hash

    def to_json(self) -> dict[str, Any]:
        """Return what identifies the run, as plain data."""
        return {
            "title": self.scenario.title,
            "trials": self.folder.manifest.trials,
            "data_hash": self.hashes[0],
            "design_hash": self.hashes[1],
            "packages": self.folder.manifest.packages,
        }


@dataclass(frozen=True)
class PairedRuns:
    """Two runs with one seed, compared trial by trial.

    Attributes
    ----------
    a, b : Side
        The runs.
    n_trials : int
        Trials that both have.
    settings : tuple of Setting
        Where the scenarios differ, but for words and how much is simulated.
    unpaired : tuple of Unpaired
        Planned tests that only one has.
    differences : tuple of Difference
        By hypothesis; first overall, then by analysis.
    rejections : tuple of Rejections
        For each probability among them.
    """

    a: Side
    b: Side
    n_trials: int
    settings: tuple[Setting, ...]
    unpaired: tuple[Unpaired, ...]
    differences: tuple[Difference, ...]
    rejections: tuple[Rejections, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data for ``json.dumps``; docs/json-output.md describes it."""
        manifest = self.a.folder.manifest
        return {
            "format": "simulate-compare",
            "format_version": JSON_VERSION,
            "trials": self.n_trials,
            "seed": manifest.seed,
            "stream_version": manifest.stream_version,
            "a": self.a.to_json(),
            "b": self.b.to_json(),
            "settings": [setting._asdict() for setting in self.settings],
            "unpaired": [row._asdict() for row in self.unpaired],
            "differences": [plain_row(row._asdict()) for row in self.differences],
            "rejections": [row._asdict() for row in self.rejections],
        }


def compare_folders(folder_a: RunFolder, folder_b: RunFolder) -> PairedRuns:
    """Compare two runs over the trials that both have.

    One block of each is in memory at a time, however many there are.

    Parameters
    ----------
    folder_a, folder_b : RunFolder
        The runs, with one seed.

    Returns
    -------
    PairedRuns

    Raises
    ------
    RefusedError
        If their trials cannot be paired, or they have no hypothesis in common.
    StoreError
        If a block is missing or is not what its name says, or a manifest was altered.
    """
    _refuse_folders(folder_a, folder_b)
    a, b = Side(folder_a, _scenario(folder_a)), Side(folder_b, _scenario(folder_b))
    _refuse_hypotheses(a, b)
    pairs = reduce(combined_pairs, _pairs_by_block(a, b))
    is_same = a.hashes == b.hashes
    return PairedRuns(
        a=a,
        b=b,
        n_trials=min(folder_a.manifest.trials, folder_b.manifest.trials),
        settings=tuple(
            settings_that_differ(folder_a.manifest.scenario, folder_b.manifest.scenario)
        ),
        unpaired=(*_only_in("a", a, b), *_only_in("b", b, a)),
        differences=tuple(difference_of(figure, found, is_same) for figure, found in pairs.items()),
        rejections=tuple(
            Rejections(*figure, *counts)
            for figure, found in pairs.items()
            if isinstance(counts := _unclustered(found), RejectionPairs)
        ),
    )


def _refuse_folders(*folders: RunFolder) -> None:
    """Refuse folders without rows, or whose trials are not of the same patients."""
    problems = [
        f"{folder.path}: keeps sums and counts only, no trials to pair; run it again with "
        "--keep rows, into another folder"
        for folder in folders
        if folder.manifest.keep == SUMMARY
    ]
    for name, words in SHARED.items():
        a, b = (getattr(folder.manifest, name) for folder in folders)
        if a != b:
            problems.append(f"{words}: {folders[0].path} has {a}, {folders[1].path} has {b}")
    if problems:
        raise RefusedError("\n".join(["these runs cannot be compared:", *problems]))


def _scenario(folder: RunFolder) -> Scenario:
    try:
        return folder.manifest.to_scenario()
    except StoreError as error:
        raise StoreError(f"{folder.path}: {error}") from None


def _refuse_hypotheses(a: Side, b: Side) -> None:
    """Refuse runs without a hypothesis of the same name."""
    if not a.scenario.hypotheses.keys() & b.scenario.hypotheses.keys():
        names = [", ".join(side.scenario.hypotheses) for side in (a, b)]
        raise RefusedError(
            "these runs cannot be compared: no hypothesis has the same name in both: "
            f"{a.folder.path} has {names[0]}, {b.folder.path} has {names[1]}"
        )


def _only_in(run: str, side: Side, other: Side) -> list[Unpaired]:
    """Planned tests of one run that the other does not have."""
    others = {(c.hypothesis, c.analysis) for c in planned_comparisons(other.scenario)}
    return [
        Unpaired(run, c.hypothesis, c.analysis)
        for c in planned_comparisons(side.scenario)
        if (c.hypothesis, c.analysis) not in others
    ]


def _unclustered(found: AnyPairs) -> Pairs:
    """Pairs without their sums by cluster."""
    return found.pairs if isinstance(found, ClusteredPairs) else found


def n_clusters_of(a: Scenario, b: Scenario) -> int:
    """Number of clusters of trials that share no truth with another cluster; 0 for trials alone."""
    members = [n_members(scenario) for scenario in (a, b)]
    return math.gcd(*(n for n in members if n > 1))


def _pairs_by_block(a: Side, b: Side) -> Iterator[dict[Figure, AnyPairs]]:
    """Pairs of the trials that both have, block by block."""
    n_clusters = n_clusters_of(a.scenario, b.scenario)
    # Blocks start at the same trials; the shorter run ends with the last one.
    blocks = list(zip(a.folder.planned(), b.folder.planned(), strict=False))
    present_a, present_b = a.folder.present(), b.folder.present()
    _check_missing(a.folder, [block for block, _ in blocks if block not in present_a])
    _check_missing(b.folder, [block for _, block in blocks if block not in present_b])
    for block_a, block_b in blocks:
        n_trials = min(block_a.stop, block_b.stop) - block_a.start
        yield clustered_pairs(
            a.scenario,
            _read(a.folder, a.folder.read(present_a[block_a]), n_trials),
            b.scenario,
            _read(b.folder, b.folder.read(present_b[block_b]), n_trials),
            block_a.start,
            n_clusters,
        )


def _check_missing(folder: RunFolder, missing: list[Block]) -> None:
    """Name the blocks that are missing."""
    if missing:
        named = [f"trials {block.start:,} to {block.stop - 1:,}" for block in missing]
        more = f" and {len(named) - MOST_LISTED:,} more blocks" if len(named) > MOST_LISTED else ""
        raise StoreError(
            f"{folder.path}: missing: {', '.join(named[:MOST_LISTED])}{more}; simulate run with "
            "this folder as --out goes on from what is there"
        )


def _read(folder: RunFolder, data: bytes, n_trials: int) -> Statistics:
    """First trials of a block."""
    statistics = decode_rows(data, len(folder.manifest.numbers))
    return Statistics(**{name: column[:n_trials] for name, column in statistics._asdict().items()})


def difference_of(figure: Figure, pairs: AnyPairs, is_same: bool) -> Difference:
    """Row of a figure; ``is_same`` if both runs are of one scenario and design."""
    a, b, difference, correlation = pairs.estimates()
    # Trials of one scenario and one seed cannot differ, however few they are.
    mcse = 0.0 if is_same and difference.n_trials > 0 else difference.mcse
    alone = math.hypot(a.mcse, b.mcse)
    return Difference(
        *figure,
        a.value,
        b.value,
        difference.value,
        mcse,
        alone,
        (alone / mcse) ** 2 if mcse > 0.0 else math.nan,
        correlation,
        difference.n_trials,
        *pairs.without_value,
    )
