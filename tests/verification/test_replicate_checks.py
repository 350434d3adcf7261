"""Replicates of the published phase 2 have the means that a feasibility study found for them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from twins.replicates import PARAMETERS, draw, figures, see
from twins.slow_replicate import CHECKED, PUBLISHED
from twins.slow_states import TRANSITIONS, Weibull, slow_states

from simulate.design import illness_death

REPLICATES = 20_000
STANDARD_ERRORS = 4.0
# Median and range of the published follow-up.
QUANTILES = np.interp((np.arange(72) + 0.5) / 72.0, [0.0, 0.5, 1.0], [23.3, 30.2, 37.6])


@pytest.mark.parametrize("follow_up", [None, QUANTILES], ids=["even_entries", "quantiles"])
def test_published_means(follow_up: NDArray[np.float64] | None) -> None:
    values = np.tile([CHECKED[name] for name in PARAMETERS], (REPLICATES, 1))
    draws = draw(PUBLISHED, REPLICATES, np.random.default_rng(20261122))
    found = figures(see(PUBLISHED, values, draws, follow_up))
    for name, got, mean, within in (
        ("responders", found.responders, 17.64, 0.05),
        ("disease control", found.disease_control, 59.92, 0.05),
        ("PFS events", found.pfs_events, 38.91, 0.06),
        ("upper PFS limit not reached", np.isinf(found.pfs[2]), 0.39, 0.01),
    ):
        error = np.std(got) / np.sqrt(REPLICATES)
        assert abs(np.mean(got) - mean) < within + STANDARD_ERRORS * error, name
    assert np.std(found.responders) == pytest.approx(3.65, abs=0.005 + 4.0 * 3.65 / 200.0)


def test_correlation_of_an_illness_death_course() -> None:
    h01, h02, h12 = 0.075, 0.024, 0.09
    rng = np.random.default_rng(7)
    model = {
        "stable_to_progression": Weibull(1.0, 12.0 * h01),
        "stable_to_death": Weibull(1.0, 12.0 * h02),
        "progression_to_death": Weibull(1.0, 12.0 * h12),
    }
    n = 100_000
    draws = rng.standard_exponential((n, len(TRANSITIONS)))
    courses = [slow_states(model, dict(zip(TRANSITIONS, e, strict=True))) for e in draws.tolist()]
    os = np.array([c.death for c in courses])
    pfs = np.minimum([c.progression for c in courses], os)
    blocks = [
        np.corrcoef(a, b)[0, 1]
        for a, b in zip(pfs.reshape(50, -1), os.reshape(50, -1), strict=True)
    ]
    error = np.std(blocks) / np.sqrt(50.0)
    expected = illness_death.correlation(h01, h02, h12)
    assert abs(np.mean(blocks) - expected) < STANDARD_ERRORS * error
    share = np.mean(pfs == os)
    assert share == pytest.approx(illness_death.probability_equal(h01, h02), abs=4 * 0.43 / n**0.5)
    months = np.array([3.0, 6.0, 12.0, 24.0])
    expected_os = illness_death.os_survival(months, h01, h02, h12)
    np.testing.assert_allclose(
        (os[:, None] > months).mean(axis=0), expected_os, atol=4 * 0.5 / n**0.5
    )
