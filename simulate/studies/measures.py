"""What a study tells of a cell beside its operating characteristics."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from simulate.engine.arrays import FloatArray
from simulate.engine.codes import STATUS_TARGET_NOT_REACHED
from simulate.engine.statistics import Statistics
from simulate.results.characteristics import OVERALL, Row
from simulate.results.clusters import clustered_pairs
from simulate.results.compare import difference_of, n_clusters_of
from simulate.results.decisions import NO_LOOK, decide, last_row_reached
from simulate.results.estimates import Share
from simulate.scenario.comparisons import planned_comparisons, rows_of
from simulate.scenario.hashes import data_hash, design_hash
from simulate.scenario.models import Scenario

NOT_BY_HORIZON = "not_decided_by_horizon"
DIFFERENCE = "_difference"


def horizon_rows(
    scenario: Scenario, statistics: Statistics, horizon_months: float
) -> Iterator[Row]:
    """Share of the trials that have not decided each hypothesis by a calendar month.

    Parameters
    ----------
    scenario : Scenario
        Of the cell.
    statistics : Statistics
        Of all its trials.
    horizon_months : float
        Calendar month since the start of accrual.

    Yields
    ------
    Row
        One a hypothesis, overall; see `decision_months`.
    """
    for name in scenario.hypotheses:
        late = decision_months(scenario, statistics, name) > horizon_months
        share = Share.of(late).estimate()
        yield Row(scenario.title, name, OVERALL, NOT_BY_HORIZON, "all", *share)


def decision_months(scenario: Scenario, statistics: Statistics, hypothesis: str) -> FloatArray:
    """Calendar month at which each trial has decided a hypothesis, (n_trials,); infinite if never.

    It is decided at the look that rejects it, at its last look, or where the trial stops. A look
    that is held without the number of events it was planned at, because that is never reached, and
    one that is not held, decide nothing.
    """
    decisions = decide(scenario, statistics)
    comparisons = planned_comparisons(scenario)
    rows = rows_of(comparisons, hypothesis)
    as_planned = (statistics.status & STATUS_TARGET_NOT_REACHED) == 0
    last = last_row_reached(decisions, comparisons, hypothesis)
    trials = np.arange(len(last))
    # A last look that takes place after the trial has stopped: it was over at the one before.
    stopped = decisions.exists[:, rows[-1]] & ~decisions.reached[:, rows[-1]] & (last != NO_LOOK)
    months = np.where(stopped, statistics.cutoff[trials, last], math.inf)
    for row in rows:
        decides = decisions.rejects[:, row] if row != rows[-1] else decisions.reached[:, row]
        here = decides & as_planned[:, row]
        months = np.where(here, np.minimum(months, statistics.cutoff[:, row]), months)
    return months


def difference_rows(
    reference: Scenario, reference_statistics: Statistics, cell: Scenario, statistics: Statistics
) -> Iterator[Row]:
    """Differences of a cell from the reference, over the patients that they share.

    Parameters
    ----------
    reference, reference_statistics
        The cell that others are compared with, and the statistics of its trials.
    cell, statistics
        The other cell, of as many trials with the same seed.

    Yields
    ------
    Row
        Of each hypothesis that both have, overall: rejection probability, months and events at the
        end, cell less reference, with the error of paired trials.
    """
    is_same = _hashes(reference) == _hashes(cell)
    n_clusters = n_clusters_of(reference, cell)
    pairs = clustered_pairs(reference, reference_statistics, cell, statistics, 0, n_clusters)
    for figure, found in pairs.items():
        if figure.analysis == OVERALL:
            row = difference_of(figure, found, is_same)
            measure = f"{figure.measure}{DIFFERENCE}"
            estimate = (row.difference, row.mcse, row.n_trials)
            yield Row(cell.title, figure.hypothesis, OVERALL, measure, "all", *estimate)


def _hashes(scenario: Scenario) -> tuple[str, str]:
    return data_hash(scenario), design_hash(scenario)
