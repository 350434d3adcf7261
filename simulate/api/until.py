"""Run a scenario until its Monte Carlo standard errors are small enough."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from simulate.api.blocks import Counts, counted, result_of, start, work_on
from simulate.api.inputs import Keep, planned_blocks, with_simulation
from simulate.errors import Problem, ScenarioError
from simulate.results.characteristics import power_given_truth
from simulate.results.keep import Kept
from simulate.results.result import Result
from simulate.results.tallies import Tallies
from simulate.runner.execute import Block, Progress
from simulate.runner.folder import RunFolder, has_manifest, open_folder, real_path
from simulate.runner.workers import over_blocks
from simulate.scenario.models import Scenario

MOST_TRIALS_UNTIL = 1_000_000
# Of the blocks that should still be needed so many are done at once; the last ones one by one, so
# that hardly ever more are done than needed.
SHARE_AT_ONCE = 0.95


def run_until(
    scenario: Scenario,
    until_mcse: float,
    *,
    workers: int | None,
    cluster: str | None,
    out: Path | None,
    keep: Keep,
    progress: Progress | None,
    counts: Counts,
) -> Result:
    """Simulate whole blocks until the power of every hypothesis is known well enough.

    The result is that of the first blocks, in their order, with which the Monte Carlo standard
    error of every rejection probability is at most ``until_mcse``; of all trials of the scenario if
    none are enough. Which these are does not depend on how the blocks are worked on, nor on what a
    folder held before.

    Parameters
    ----------
    scenario : Scenario
        With the most trials that may be simulated.
    until_mcse : float
        Monte Carlo standard error, above 0 and below 0.5.
    workers, cluster, out, keep, progress, counts
        As for `simulate.run`.

    Returns
    -------
    Result
        With the number of trials that were enough.

    Raises
    ------
    ScenarioError, StoreError
        As for `simulate.run`.
    """
    check_until(scenario, until_mcse)
    return _Until(scenario, until_mcse, out, keep, counts).result(workers, cluster, progress)


def check_until(scenario: Scenario, until_mcse: float) -> None:
    """Refuse a standard error that is none, and a scenario without a power.

    Raises
    ------
    ScenarioError
        With what is wrong.
    """
    if not 0.0 < until_mcse < 0.5:
        rule = "must be above 0 and below 0.5"
        raise ScenarioError([Problem("until_mcse", rule, f"{until_mcse:g}")])
    if not scenario.hypotheses:
        rule = "needs a hypothesis, whose rejection probability it is about"
        raise ScenarioError([Problem("until_mcse", rule)])


def largest_mcse(scenario: Scenario, tallies: Tallies) -> float:
    """Largest Monte Carlo standard error of the rejection probabilities of all hypotheses."""
    errors = [
        power_given_truth(scenario, tallies, name).estimate.mcse for name in scenario.hypotheses
    ]
    return max(math.inf if math.isnan(error) else error for error in errors)


class _Until:
    """Blocks that are done, and how many of the first ones are enough."""

    def __init__(
        self, scenario: Scenario, target: float, out: Path | None, keep: Keep, counts: Counts
    ) -> None:
        self.scenario = scenario
        self.target = target
        self.out = out
        self.keep = keep
        self.counts = counts
        self.blocks = planned_blocks(scenario)
        self.kept: dict[Block, Kept] = {}
        self.rejections: Tallies | None = None
        self.n_checked = 0

    def result(self, workers: int | None, cluster: str | None, progress: Progress | None) -> Result:
        """Do blocks in rounds, each checked in their order, until they are enough."""
        folder: RunFolder | None = None
        upto, is_enough = 1, False
        while not is_enough:
            due = self.blocks[self.n_checked : upto]
            folder = self._folder(due)
            work = work_on(self.scenario, folder)
            done = over_blocks(work, due, workers=workers, cluster=cluster, progress=progress)
            self.kept |= dict(counted(done, self.counts))
            is_enough = any(self._check(block) for block in due)
            upto = self._next_round()
        if folder is not None:
            self.counts.complaints += [f"{file.name}: set aside" for file in folder.tidy()]
        enough = self.blocks[: self.n_checked]
        found = with_simulation(self.scenario, enough[-1].stop, None)
        return result_of(found, enough, self._in_order(enough))

    def _folder(self, due: Sequence[Block]) -> RunFolder | None:
        """Run folder with room for the next blocks; it may plan more already."""
        if self.out is None:
            return None
        n_trials, path = due[-1].stop, real_path(self.out)
        if has_manifest(path):
            n_trials = max(n_trials, open_folder(path).manifest.trials)
        changes = self.counts.changes
        planned = with_simulation(self.scenario, n_trials, None)
        folder = start(planned, path, self.keep, due, self.counts)
        if self.n_checked > 0:
            # That a round extends the folder of the round before is no change to be told.
            self.counts.changes = changes
        return folder

    def _check(self, block: Block) -> bool:
        """Add the next block; whether it makes enough, or is the last."""
        tallies = self.kept[block].tallies
        assert tallies is not None
        mine = Tallies({key: t for key, t in tallies.items() if _is_rejection(key.quantity)})
        self.rejections = mine if self.rejections is None else self.rejections.combined(mine)
        self.n_checked += 1
        is_last = self.n_checked == len(self.blocks)
        return is_last or largest_mcse(self.scenario, self.rejections) <= self.target

    def _next_round(self) -> int:
        """How many blocks should be done by the end of the next round."""
        assert self.rejections is not None
        ratio = largest_mcse(self.scenario, self.rejections) / self.target
        needed = self.n_checked * ratio**2
        if not math.isfinite(needed):
            needed = 2.0 * self.n_checked
        upto = max(math.floor(SHARE_AT_ONCE * needed), self.n_checked + 1)
        return min(upto, len(self.blocks))

    def _in_order(self, blocks: Sequence[Block]) -> Iterator[tuple[Block, Kept]]:
        for block in blocks:
            yield block, self.kept[block]


def _is_rejection(quantity: str) -> bool:
    """Whether a tally is one that power is worked out from."""
    return quantity.startswith(("first_rejection_", "cumulative_rejection_"))
