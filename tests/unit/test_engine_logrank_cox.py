"""Log-rank test and Cox estimate against risk sets gathered one by one."""

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytest
from twins.feature_scenarios import FOUR_CELLS, feature_scenario, hypothesis
from twins.slow_logrank import Observed, RiskSet, cox_terms, risk_sets, slow_cox, slow_logrank

from simulate.engine import codes, cox, logrank
from simulate.engine.arrays import RiskSets
from simulate.engine.codes import (
    ESTIMATE_BRESLOW,
    ESTIMATE_EFRON,
    STATUS_ESTIMATE_INFINITE,
    STATUS_NO_INFORMATION,
)
from simulate.engine.plan import Plan
from simulate.engine.statistics import new_statistics
from simulate.engine.trial import analyse
from simulate.engine.workspace import new_workspace
from simulate.runner.pack import pack

TIES = {"breslow": ESTIMATE_BRESLOW, "efron": ESTIMATE_EFRON}
CUTOFF = 64.0


class Row(NamedTuple):
    """What the engine says about given patients."""

    status: int
    score: float
    information: float
    estimate: float
    se: float


@functools.cache
def plan_for(n: int, ties: str, ratio: float) -> Plan:
    """One look at the cutoff, one hypothesis, a test stratified by four cells."""
    test = hypothesis(
        "new", "old", "final", stratified=True, estimate=f"cox_{ties}", null_hazard_ratio=ratio
    )
    scenario = feature_scenario(
        "plain",
        patients=n,
        strata=FOUR_CELLS,
        analyses={"final": {"trigger": {"calendar_months": CUTOFF}}},
        hypotheses={"test": test},
    )
    return pack(scenario)


def analysed(observed: Sequence[Observed], ties: str = "efron", ratio: float = 1.0) -> Row:
    """Test and estimate by the engine; all patients enter at month 0 and none is lost."""
    n = len(observed)
    plan = plan_for(n, ties, ratio)
    workspace, statistics = new_workspace(plan), new_statistics(1, plan)
    patients = workspace.patients
    for i, (time, is_event, is_experimental, stratum) in enumerate(observed):
        patients.stratum[i] = stratum
        patients.arm[i] = 0 if is_experimental else 1
        patients.cell[i] = patients.arm[i] * plan.n_strata + stratum
        patients.entry[i] = 0.0
        patients.event[0, i] = time if is_event else math.inf
        patients.dropout[i] = math.inf if is_event else time
        patients.end[0, i] = patients.calendar_end[0, i] = time
        patients.outcome[0, i] = codes.EVENT if is_event else codes.DROPOUT
        patients.calendar_event[0, i] = patients.event[0, i]
    analyse(plan, np.uint64(0), np.uint64(0), patients, workspace, statistics, 0)
    return Row(*(getattr(statistics, name)[0, 0].item() for name in Row._fields))


def packed(sets: Sequence[RiskSet]) -> tuple[RiskSets, int, int]:
    """Given risk sets as the engine's, with their number and that of tied events."""
    counts = [sum(s.at_risk) + 2**21 * s.at_risk[0] + 2**42 * s.events[0] for s in sets]
    events = [sum(s.events) for s in sets]
    packed_sets = RiskSets(np.array(counts, dtype=np.int64), np.array(events, dtype=np.int64))
    return packed_sets, len(sets), sum(events) - len(sets)


def observed_experimental(sets: RiskSets, n_sets: int) -> int:
    return sum(int(counts) // 2**42 for counts in sets.counts[:n_sets])


def engine_logrank(sets: RiskSets, n_sets: int, n_tied: int, ratio: float) -> tuple[float, float]:
    """Score and information."""
    scratch = np.full(n_sets + 1, np.nan), np.full(n_sets + 1, np.nan)
    expected, information = logrank.logrank(sets, n_sets, n_tied, ratio, *scratch)
    return expected - observed_experimental(sets, n_sets), information


def engine_cox(
    sets: RiskSets, n_sets: int, n_tied: int, ties: str, start: float = 0.0
) -> tuple[float, float, int]:
    """Estimate, standard error and status flag."""
    scratch = (np.full(n_sets + 1, np.nan) for _ in range(3))
    observed = observed_experimental(sets, n_sets)
    return cox.cox(sets, n_sets, n_tied, TIES[ties], observed, start, *scratch)


def sample(seed: int, n: int, tied: bool, n_strata: int = 1) -> list[Observed]:
    rng = np.random.default_rng([seed, n, tied, n_strata])
    times = rng.integers(1, 12, size=n) / 4.0 if tied else rng.exponential(10.0, size=n)
    return [
        Observed(float(time), bool(event), bool(arm), int(stratum))
        for time, event, arm, stratum in zip(
            np.minimum(times, 40.0),
            rng.uniform(size=n) < 0.7,
            rng.uniform(size=n) < 0.6,
            rng.integers(0, n_strata, size=n),
            strict=True,
        )
    ]


CASES = [(n, tied, k) for n in (2, 3, 9, 60, 200) for tied in (False, True) for k in (1, 4)]


@pytest.mark.parametrize("ratio", [1.0, 0.8, 1.3])
@pytest.mark.parametrize(("n", "tied", "n_strata"), CASES)
def test_logrank_is_that_of_the_slow_twin(n: int, tied: bool, n_strata: int, ratio: float) -> None:
    for seed in range(10):
        observed = sample(seed, n, tied, n_strata)
        row = analysed(observed, ratio=ratio)
        slow_score, slow_information = slow_logrank(risk_sets(observed), ratio)
        scale = max(math.sqrt(slow_information), 1e-3)
        assert row.score == pytest.approx(slow_score, rel=0.0, abs=1e-12 * scale)
        assert row.information == pytest.approx(slow_information, rel=1e-13, abs=0.0)
        assert bool(row.status & STATUS_NO_INFORMATION) == (slow_information == 0.0)


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize(("n", "tied", "n_strata"), CASES)
def test_cox_is_that_of_the_slow_twin(n: int, tied: bool, n_strata: int, ties: str) -> None:
    for seed in range(10):
        observed = sample(seed, n, tied, n_strata)
        row = analysed(observed, ties)
        found = slow_cox(risk_sets(observed), efron=ties == "efron")
        assert bool(row.status & STATUS_ESTIMATE_INFINITE) == (found is None)
        beta, se = found or (math.nan, math.nan)
        assert row.estimate == pytest.approx(beta, rel=1e-10, abs=1e-12, nan_ok=True)
        assert row.se == pytest.approx(se, rel=1e-10, abs=0.0, nan_ok=True)


def test_both_kinds_of_cox_estimate_occur_above() -> None:
    kinds = {
        slow_cox(risk_sets(sample(seed, n, tied, k)), efron=True) is None
        for n, tied, k in CASES
        for seed in range(10)
    }
    assert kinds == {True, False}


@pytest.mark.parametrize("start", [-50.0, -3.0, 0.4, 20.0, 1e9, -1e9])
def test_cox_does_not_depend_on_where_it_starts(start: float) -> None:
    sets = packed(risk_sets(sample(1, 80, tied=True)))
    from_zero = engine_cox(*sets, "efron")
    from_start = engine_cox(*sets, "efron", start)
    assert from_start == pytest.approx(from_zero, rel=1e-12)


E, C = True, False


@pytest.mark.parametrize(
    "observed",
    [
        # Events in one arm only, while the other is at risk.
        [(1, 1, E), (2, 1, E), (3, 0, C), (4, 0, C)],
        [(1, 1, C), (2, 1, C), (3, 0, E), (4, 0, E)],
        # All of one arm's events before the other's patients are seen to fail: complete separation.
        [(1, 1, E), (2, 1, E), (3, 1, C), (4, 1, C)],
        [(1, 1, C), (2, 1, C), (3, 1, E), (4, 1, E)],
    ],
)
@pytest.mark.parametrize("ties", TIES)
def test_an_infinite_estimate_has_information(
    observed: list[tuple[int, int, bool]], ties: str
) -> None:
    row = analysed([Observed(t, d == 1, arm) for t, d, arm in observed], ties)
    assert row.information > 0.0
    assert row.status == STATUS_ESTIMATE_INFINITE
    assert math.isnan(row.estimate)
    assert math.isnan(row.se)


@pytest.mark.parametrize(
    "observed",
    [
        [(1, 0, E), (2, 0, C)],
        # Only one arm at risk at every event.
        [(1, 1, E), (2, 1, E), (3, 1, E)],
        [(1, 0, E), (2, 1, C), (3, 1, C)],
    ],
)
@pytest.mark.parametrize("ratio", [1.0, 1.3])
def test_no_information(observed: list[tuple[int, int, bool]], ratio: float) -> None:
    row = analysed([Observed(t, d == 1, arm) for t, d, arm in observed], ratio=ratio)
    assert (row.score, row.information) == (0.0, 0.0)
    assert row.status == STATUS_NO_INFORMATION | STATUS_ESTIMATE_INFINITE


def test_no_information_when_everybody_at_risk_has_the_event() -> None:
    observed = [Observed(1, False, C), *(Observed(2, True, arm) for arm in (E, C, E))]
    row = analysed(observed)
    assert (row.score, row.information) == (0.0, 0.0)
    # Efron's estimate exists nevertheless.
    found = slow_cox(risk_sets(observed), efron=True)
    assert found is not None
    assert row.status == STATUS_NO_INFORMATION
    assert (row.estimate, row.se) == pytest.approx(found)


def test_by_hand() -> None:
    # One event among three at risk, two of them experimental; then two tied among the other two.
    observed = [Observed(1.0, True, C), Observed(2.0, True, E), Observed(2.0, True, E)]
    row = analysed(observed)
    assert (row.score, row.information) == pytest.approx((2.0 / 3.0, 2.0 / 9.0))
    # Two of four, one of each arm, tied: 2 * (1/2) * (1/2) * (4 - 2) / (4 - 1).
    observed = [Observed(1.0, True, E), Observed(1.0, True, C)]
    observed += [Observed(2.0, False, E), Observed(2.0, False, C)]
    row = analysed(observed)
    assert (row.score, row.information) == pytest.approx((0.0, 1.0 / 3.0))
    assert row.estimate == pytest.approx(0.0, abs=1e-12)


def test_a_censoring_at_an_event_time_is_at_risk() -> None:
    # Three at risk at the one event, two of them experimental.
    row = analysed([Observed(1.0, False, E), Observed(1.0, True, C), Observed(2.0, False, E)])
    assert (row.score, row.information) == pytest.approx((2.0 / 3.0, 2.0 / 9.0))


def test_tied_times_of_different_strata_are_not_tied() -> None:
    one = [Observed(1.0, True, E, 0), Observed(1.0, True, C, 0), Observed(2.0, True, C, 0)]
    other = [observed._replace(stratum=3) for observed in one]
    alone, both = analysed(one), analysed(one + other)
    assert both.score == pytest.approx(2.0 * alone.score)
    assert both.information == pytest.approx(2.0 * alone.information)
    assert both.estimate == pytest.approx(alone.estimate)


def test_logrank_of_given_risk_sets() -> None:
    sets = risk_sets(sample(2, 70, tied=True, n_strata=4))
    for ratio in (1.0, 0.7):
        found = engine_logrank(*packed(sets), ratio)
        assert found == pytest.approx(slow_logrank(sets, ratio), rel=1e-12)


def test_extreme_risk_sets_converge() -> None:
    # A million patients against one or three, in one arm or the other, tied or not.
    for many, few in [(10**6, 1), (10**6, 3), (50, 1)]:
        for events in [(1, 0), (0, 1), (3, 0), (0, 3), (2, 1)]:
            sets = [RiskSet((many, few), events), RiskSet((few, many), events[::-1])]
            sets += [RiskSet((many, few), (1, 0)), RiskSet((many, few), (0, 1))]
            possible = [s for s in sets if all(d <= n for n, d in zip(*s, strict=True))]
            for ties in TIES:
                beta, se, flag = engine_cox(*packed(possible), ties)
                slow = slow_cox(possible, efron=ties == "efron")
                assert slow is not None
                assert flag == 0
                assert beta == pytest.approx(slow[0], abs=1e-9)
                assert se == pytest.approx(slow[1], rel=1e-9)


@pytest.mark.parametrize("ties", TIES)
def test_score_and_information_of_cox_are_derivatives(ties: str) -> None:
    # The partial likelihood by its own formula, differentiated numerically.
    sets = risk_sets(sample(3, 50, tied=True))

    def log_likelihood(beta: float) -> float:
        total = 0.0
        for (n1, n0), (d1, d0) in sets:
            total += beta * d1
            for k in range(d1 + d0):
                gone = k / (d1 + d0) if ties == "efron" else 0.0
                total -= math.log(math.exp(beta) * (n1 - gone * d1) + n0 - gone * d0)
        return total

    rows, n_sets, n_tied = packed(sets)

    def engine_terms(beta: float) -> tuple[float, float, float]:
        scratch = (np.full(n_sets, np.nan) for _ in range(3))
        terms = cox.cox_score(rows, n_sets, n_tied, TIES[ties], beta, *scratch)
        return observed_experimental(rows, n_sets) - terms[0], terms[1], terms[2]

    h = 1e-4
    for beta in (-1.0, 0.0, 0.7):
        score, information, slope = engine_terms(beta)
        here, up, down = (log_likelihood(beta + step) for step in (0.0, h, -h))
        assert score == pytest.approx((up - down) / (2 * h), abs=1e-5)
        assert information == pytest.approx((2 * here - up - down) / h**2, rel=1e-4)
        steeper, flatter = engine_terms(beta + h)[1], engine_terms(beta - h)[1]
        assert slope == pytest.approx((steeper - flatter) / (2 * h), abs=1e-5)
        slow = cox_terms(sets, beta, efron=ties == "efron")
        assert (score, information) == pytest.approx(slow, rel=1e-12)
