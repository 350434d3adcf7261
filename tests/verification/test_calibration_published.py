"""The posterior of LITESPARK-015 is the one that a feasibility study found; contradictions are not.

Replicates come from the arrays of `twins.replicates`, with smaller rounds than the defaults.
"""

from __future__ import annotations

import dataclasses
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray
from twins.replicates import FEATURES, PRIORS, Asked, simulate_features
from twins.slow_replicate import PUBLISHED

from simulate.calibration.fit import require_usable
from simulate.calibration.sampler import Posterior, Sizes, sample_posterior
from simulate.calibration.weights import weighted_quantiles
from simulate.design.multistate import Occupancy, WeibullHazards, occupancy
from simulate.errors import CalibrationError

pytestmark = pytest.mark.slow

FloatArray = NDArray[np.float64]
SIZES = Sizes(3, 8000, ((600, 100), (1000, 120), (1500, 150)))
SMALL = Sizes(3, 5000, ((400, 100), (600, 100), (800, 100)))


def curves(parameters: FloatArray) -> Occupancy:
    rsr, h12, k, rrp, rpd, rd = parameters.T
    constant = np.ones(len(parameters))
    rates = {
        "stable_to_response": rsr,
        "stable_to_death": rd,
        "response_to_progression": rrp,
        "response_to_death": rd,
        "progression_to_death": rpd,
    }
    hazards = {name: WeibullHazards(constant, 12.0 * rate) for name, rate in rates.items()}
    hazards["stable_to_progression"] = WeibullHazards(k, h12)
    return occupancy(hazards, horizon_months=160.0, steps_per_month=4)


@pytest.fixture(scope="module")
def posterior() -> Posterior:
    simulate = partial(simulate_features, PUBLISHED, seed=1)
    return sample_posterior(PRIORS, FEATURES, simulate, seed=1, sizes=SIZES)


def test_quality(posterior: Posterior) -> None:
    assert posterior.quality.effective_size > 300.0
    assert posterior.quality.largest_weight < 0.02
    require_usable(posterior.quality, posterior.fits)


def test_replicates_cover_what_was_published(posterior: Posterior) -> None:
    for fit in posterior.fits:
        assert fit.inside, fit
        assert abs(fit.discrepancy) < 1.2, fit
    # The time to response fits least well: replicates respond earlier.
    by_size = sorted(posterior.fits, key=lambda fit: -abs(fit.discrepancy))
    assert by_size[0].name == "time_to_response"


def test_posterior_of_latent_survival(posterior: Posterior) -> None:
    found = curves(posterior.members(1000))
    even = np.full(1000, 1e-3)
    published = {
        "PFS 12": (found.at(found.pfs, 12.0)[:, 0], (0.672, 0.576, 0.743)),
        "PFS 18": (found.at(found.pfs, 18.0)[:, 0], (0.570, 0.476, 0.656)),
        "PFS 24": (found.at(found.pfs, 24.0)[:, 0], (0.487, 0.390, 0.582)),
        "OS 24": (found.at(found.os, 24.0)[:, 0], (0.775, 0.680, 0.850)),
        "median PFS": (found.quantile(found.pfs) / 100.0, (0.229, 0.164, 0.319)),
        "median OS": (found.quantile(found.os) / 250.0, (0.207, 0.152, 0.298)),
    }
    for name, (values, expected) in published.items():
        got = weighted_quantiles(values, even, [0.5, 0.025, 0.975])
        np.testing.assert_allclose(got, expected, atol=0.03, err_msg=name)
    got = weighted_quantiles(published["PFS 24"][0], even, [0.5])
    np.testing.assert_allclose(got, [0.487], atol=0.015)


def test_what_the_figures_say_of_the_parameters(posterior: Posterior) -> None:
    medians = dict(zip(posterior.names, posterior.quantiles([0.5])[:, 0], strict=True))
    assert medians["rsr"] == pytest.approx(0.025, rel=0.08)
    assert medians["h12"] == pytest.approx(0.34, rel=0.08)
    low, median, high = posterior.quantiles([0.025, 0.5, 0.975])[2]
    assert (low, median, high) == pytest.approx((0.47, 0.73, 1.09), rel=0.12)


def test_contradictory_figures_are_refused() -> None:
    # Response in 60%, a median PFS of 5 months and a median duration of 20.4.
    names = ("responders", "disease_control", "os_24", "pfs_median", "duration_median")
    chosen = [feature for feature in FEATURES if feature.name in names]
    features = [
        dataclasses.replace(feature, target=43.0) if feature.name == "responders" else feature
        for feature in chosen
    ]
    column, columns = 0, []
    for feature in FEATURES:
        if feature.name in names:
            columns += list(range(column, column + feature.n_columns))
        column += feature.n_columns

    def simulate(parameters: FloatArray, replicates: int, number: int) -> FloatArray:
        asked = Asked(pfs=(5.0, 3.0))
        found = simulate_features(PUBLISHED, parameters, replicates, number, seed=5, asked=asked)
        return found[:, :, columns]

    found = sample_posterior(PRIORS, features, simulate, seed=5, sizes=SMALL)
    with pytest.raises(CalibrationError, match="cannot hold together") as error:
        require_usable(found.quality, found.fits)
    assert error.value.worst in {"pfs_median", "responders"}
    signed = {fit.name: fit.given_others for fit in found.fits}
    assert signed["pfs_median"] < -3.0 < 3.0 < signed["responders"]
