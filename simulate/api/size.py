"""Search for the size at which a trial has a power, by simulation."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from simulate.api.inputs import check_workers, is_whole, with_simulation
from simulate.errors import Problem, ScenarioError
from simulate.results.keep import KeepRejections, Rejections
from simulate.runner.execute import Block, Progress
from simulate.runner.pack import pack
from simulate.runner.work import BlockWork, WorkByBlock
from simulate.runner.workers import over_blocks
from simulate.scenario.comparisons import critical_values
from simulate.scenario.files import Places
from simulate.scenario.load import read_scenario, scenario_of
from simulate.scenario.models import MOST_TRIALS, Scenario
from simulate.scenario.reading import Finding
from simulate.scenario.resolve import n_members
from simulate.studies.changes import without_estimates
from simulate.studies.closed import closed_size
from simulate.studies.levers import Lever, lever_of
from simulate.studies.points import PILOT_TRIALS, Goal, Points
from simulate.studies.search import Tell, search
from simulate.studies.size import Size

MOST_TRIALS_OF_A_SEARCH = 1_000_000
FEWEST_TRIALS_OF_A_SEARCH = 5 * PILOT_TRIALS
PRECISION = 0.01
# Few, so that the workers share the trials of a single value.
BLOCK_TRIALS = 5_000


def size(
    scenario: Scenario | str | os.PathLike[str],
    power: float,
    *,
    over: str,
    hypothesis: str | None = None,
    scale: bool | None = None,
    low: float | None = None,
    high: float | None = None,
    precision: float = PRECISION,
    max_trials: int = MOST_TRIALS_OF_A_SEARCH,
    seed: int | None = None,
    workers: int | None = None,
    overrides: Sequence[str] = (),
    progress: Progress | None = None,
    tell: Tell | None = None,
) -> Size:
    """Find the number of events or patients, the hazard ratio or the follow-up with a power.

    Parameters
    ----------
    scenario : Scenario or path
        The trial, or the file that says what it is.
    power : float
        Power to be reached, above alpha and below 1.
    over : {"events", "patients", "hazard-ratio", "follow-up"}
        What is varied: the events of the trigger of the hypothesis's final look; the planned
        patients; the true hazard ratio of its experimental arm; the calendar month or minimum
        follow-up of its final look.
    hypothesis : str, optional
        Whose power; needed where there are several.
    scale : bool, optional
        Whether all numbers of patients and events change in proportion. Default: over patients
        where there are looks at numbers of events; over events only the one number changes.
    low, high : float, optional
        Range of values; default: events up to the number of patients, patients up to ten times the
        scenario's, hazard ratios between a twentieth of the null value and that, months up to ten
        times the scenario's or 120.
    precision : float
        The search ends once the half-width of the 95% interval is at most this share of the answer.
    max_trials : int
        Trials that it may take in all; it ends with them.
    seed : int, optional
        Instead of the scenario's.
    workers : int, optional
        Processes; one a core if not given. The result is the same for any number.
    overrides : sequence of str
        ``path=value`` each, over the values of a file.
    progress : callable, optional
        Called with the number of trials done since it was called last.
    tell : callable, optional
        Told, in words, how the search stands after each round.

    Returns
    -------
    Size
        Also where no value of the range has the power: it says why.

    Raises
    ------
    ScenarioError
        If the scenario or anything else that is given cannot be used; nothing was simulated.
    """
    chosen, places = scenario_and_places(scenario, overrides)
    check_workers(workers)
    chosen = with_simulation(chosen, None, seed)
    with named_places(places):
        lever = lever_of(chosen, over, hypothesis, scaled=scale)
        goal = _goal(lever, power, low, high, precision)
        _check_trials(max_trials)
        # What no value can have shows before anything is simulated.
        for end in (goal.low, goal.high):
            lever.at(end)
    form = closed_size(lever, power)
    source = _Trials(lever, workers, progress)
    points = Points(source, int(max_trials), n_members(chosen))
    found = search(lever, goal, points, lever.given if form is None else form.value, tell)
    return Size(lever, goal, found, tuple(points.in_order()), form, chosen.simulation.seed)


def scenario_and_places(
    scenario: Scenario | str | os.PathLike[str], overrides: Sequence[str]
) -> tuple[Scenario, Places]:
    """Scenario, and where its values were written if it is a file."""
    if isinstance(scenario, Scenario):
        if overrides:
            problem = Problem("overrides", "are for scenario files only", "", "change the scenario")
            raise ScenarioError([problem])
        return scenario, Places()
    tables = read_scenario(scenario, overrides)
    return scenario_of(tables), tables.places


@contextmanager
def named_places(places: Places) -> Iterator[None]:
    """Name the lines of the file in problems with paths of the scenario."""
    try:
        yield
    except ScenarioError as error:
        raise ScenarioError([_with_place(problem, places) for problem in error.problems]) from None


def _with_place(problem: Problem, places: Places) -> Problem:
    path = tuple(int(part) if part.isdecimal() else part for part in problem.path.split("."))
    known = {key[:1] for key in (*places.lines, *places.written)}
    if path[:1] not in known:
        return problem
    place = places.of(Finding(path, problem.rule))[1]
    where = ": ".join(part for part in (place, problem.where) if part)
    return replace(problem, where=where)


def _goal(
    lever: Lever, power: float, low: float | None, high: float | None, precision: float
) -> Goal:
    """Check what is asked for."""
    from scipy.special import ndtr  # noqa: PLC0415 - slow to import

    limits = critical_values(lever.scenario, lever.hypothesis)
    alpha = float(ndtr(-min(limits.values())))
    if not alpha < power < 1.0:
        rule = f"must be above alpha, {alpha:g}, and below 1"
        raise ScenarioError([Problem("power", rule, f"{power:g}")])
    if not 0.0 < precision < 1.0:
        raise ScenarioError([Problem("precision", "must be above 0 and below 1", f"{precision:g}")])
    return Goal(power, *checked_range(lever, low, high), precision)


def checked_range(lever: Lever, low: float | None, high: float | None) -> tuple[float, float]:
    """Range of values that was asked for, or the lever's own.

    Raises
    ------
    ScenarioError
        If it is empty, or goes beyond what can be set.
    """
    least, most = lever.limits
    for name, end in (("from", low), ("to", high)):
        if end is None:
            continue
        if lever.is_whole and not float(end).is_integer():
            raise ScenarioError([Problem(name, "must be a whole number", f"{end:g}")])
        if not least <= end <= most:
            bounds = f"from {least:,.7g} to {most:,.7g}"
            raise ScenarioError(
                [Problem(name, f"must be {bounds}, over {lever.over}", f"{end:,.10g}")]
            )
    first, last = lever.searched
    first = first if low is None else float(low)
    last = last if high is None else float(high)
    if first >= last:
        given = f"from {first:,.10g} to {last:,.10g}"
        raise ScenarioError([Problem("range", "must end above where it begins", given)])
    return first, last


def _check_trials(trials: int) -> None:
    """Refuse a number of trials with which nothing can be searched for.

    Raises
    ------
    ScenarioError
        If it is out of its range.
    """
    if not is_whole(trials) or not FEWEST_TRIALS_OF_A_SEARCH <= trials <= MOST_TRIALS:
        rule = f"must be a whole number from {FEWEST_TRIALS_OF_A_SEARCH:,} to {MOST_TRIALS:,}"
        raise ScenarioError([Problem("max_trials", rule, repr(trials))])


class _Trials:
    """The trials of a seed, dealt out in their order to the values that ask for some."""

    def __init__(self, lever: Lever, workers: int | None, progress: Progress | None) -> None:
        self.lever = lever
        self.workers = workers
        self.progress = progress
        self.next_trial = 0

    def __call__(self, trials: Mapping[float, int]) -> dict[float, Rejections]:
        """Counts of so many new trials of each value."""
        seed = self.lever.scenario.simulation.seed
        works: dict[Block, BlockWork[Rejections]] = {}
        owners: dict[Block, float] = {}
        for value, n in sorted(trials.items()):
            scenario = without_estimates(self.lever.at(value))
            keeper = KeepRejections(scenario, self.lever.hypothesis)
            work = BlockWork(pack(scenario), seed, keeper)
            stop = self.next_trial + n
            for start in range(self.next_trial, stop, BLOCK_TRIALS):
                block = Block(start, min(start + BLOCK_TRIALS, stop))
                works[block], owners[block] = work, value
            self.next_trial = stop
        done = dict(
            over_blocks(
                WorkByBlock(works), list(works), workers=self.workers, progress=self.progress
            )
        )
        found: dict[float, Rejections] = {}
        for block, value in owners.items():
            counts = done[block].kept
            found[value] = found[value].combined(counts) if value in found else counts
        return found
