from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, stats

from simulate.design.accrual import Accrual, entry_month

PAUSED = Accrual(40, "evenly_spaced", (0.0, 2.0, 5.0), (4.0, 0.0, 8.0))


def test_evenly_spaced_entries_step_over_a_pause() -> None:
    assert entry_month(PAUSED, 1) == 0.25
    assert entry_month(PAUSED, 8) == 2.0  # the last before the pause, not after it
    assert entry_month(PAUSED, 9) == 5.125
    assert entry_month(PAUSED, 40) == PAUSED.last_entry_month() == 9.0


def test_a_patient_who_enters_at_the_cutoff_counts() -> None:
    months = [0.0, 0.25, 0.49999, 2.0, 4.9, 5.125, 9.0, math.inf]
    np.testing.assert_array_equal(PAUSED.expected_patients(months), [0, 1, 1, 8, 8, 9, 40, 40])


def test_accrual_that_begins_with_a_pause() -> None:
    late = Accrual(3, "evenly_spaced", (0.0, 6.0), (0.0, 1.0))
    assert [entry_month(late, k) for k in (1, 2, 3)] == [7.0, 8.0, 9.0]


def test_uniform_accrual_is_capped() -> None:
    fluid = replace(PAUSED, arrivals="uniform")
    np.testing.assert_allclose(fluid.expected_patients([1.5, 3.0, 6.0, 9.5]), [6, 8, 16, 40])
    np.testing.assert_array_equal(fluid.intensity([1.0, 3.0, 8.9, 9.1]), [4, 0, 8, 0])


def test_poisson_entries_at_a_constant_rate() -> None:
    accrual = Accrual(300, "poisson", (0.0,), (12.5,))
    assert entry_month(accrual, 300) == pytest.approx(24.0, rel=1e-14)
    assert entry_month(accrual, 1) == pytest.approx(0.08, rel=1e-14)


@pytest.mark.parametrize("patient", [1, 7, 12, 40])
def test_poisson_entry_is_the_mean_arrival_time(patient: int) -> None:
    accrual = replace(PAUSED, arrivals="poisson")

    def not_yet(month: float) -> float:
        return float(stats.poisson.cdf(patient - 1, accrual.cumulative(month)))

    pieces = [(0.0, 2.0), (2.0, 5.0), (5.0, 12.0), (12.0, 40.0)]
    slow = sum(integrate.quad(not_yet, *piece, epsabs=1e-12)[0] for piece in pieces)
    assert entry_month(accrual, patient) == pytest.approx(slow, rel=1e-10)


@pytest.mark.parametrize("n_patients", [1, 2, 25])
def test_poisson_patients_are_the_mean_of_the_capped_count(n_patients: int) -> None:
    accrual = Accrual(n_patients, "poisson", (0.0,), (3.0,))
    months = np.array([0.0, 0.5, 4.0, 8.0, 20.0])
    counts = np.arange(200)[:, None]
    chance = stats.poisson.pmf(counts, 3.0 * months)
    slow = (np.minimum(counts, n_patients) * chance).sum(axis=0)
    np.testing.assert_allclose(accrual.expected_patients(months), slow, rtol=1e-12)
    assert accrual.expected_patients(math.inf) == n_patients


@pytest.mark.parametrize("arrivals", ["poisson", "uniform"])
@pytest.mark.parametrize("n_patients", [1, 3, 40, 3000])
def test_quadrature_adds_up_to_the_expected_patients(arrivals: str, n_patients: int) -> None:
    accrual = Accrual(n_patients, arrivals, (0.0, 2.0, 5.0), (4.0, 0.0, 8.0))  # type: ignore[arg-type]
    months = np.array([0.0, 1.0, 3.0, 5.5, 50.0, 371.0, 500.0])
    entries, weights = accrual.quadrature(months, np.array([1.0, 7.0]))
    assert np.all((entries >= 0.0) & (entries <= months[:, None]))
    np.testing.assert_allclose(
        weights.sum(axis=1), accrual.expected_patients(months), rtol=1e-11, atol=1e-15
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, "poisson", (0.0,), (1.0,)), "n_patients must be at least 1"),
        ((9, "sudden", (0.0,), (1.0,)), "arrivals must be one of"),
        ((9, "poisson", (), ()), "equally many"),
        ((9, "poisson", (0.0, 1.0), (1.0,)), "equally many"),
        ((9, "poisson", (1.0,), (1.0,)), "begin with 0 and increase"),
        ((9, "poisson", (0.0, 2.0, 2.0), (1.0, 1.0, 1.0)), "begin with 0 and increase"),
        ((9, "poisson", (0.0, math.inf), (1.0, 1.0)), "begin with 0 and increase"),
        ((9, "poisson", (0.0, 2.0), (1.0, 0.0)), "the last one positive"),
        ((9, "poisson", (0.0, 2.0), (-1.0, 1.0)), "not negative"),
        ((9, "poisson", (0.0,), (math.nan,)), "finite"),
    ],
)
def test_refused_accruals(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Accrual(*arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("patient", [0, 41])
def test_no_such_patient(patient: int) -> None:
    with pytest.raises(ValueError, match="patient must be from 1 to 40"):
        entry_month(PAUSED, patient)
