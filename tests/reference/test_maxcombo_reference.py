"""MaxCombo against R: simtrial's components, mvtnorm's probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from reference.test_survival_tests_reference import Case, cases, risk_sets_of
from scipy.special import ndtri
from twins.maxcombo import maxcombo_of
from twins.scanned import Weighting
from twins.slow_maxcombo import slow_max_p_value

from simulate.engine.codes import WEIGHTS_FLEMING_HARRINGTON, WEIGHTS_NONE


@cases("maxcombo")
def test_p_values(case: Case) -> None:
    for name, expected in case["values"].items():
        sets = risk_sets_of(case, name.endswith("_strat"))
        weightings = [
            Weighting(WEIGHTS_FLEMING_HARRINGTON, float(rho), float(gamma))
            for rho, gamma in zip(expected["rho"], expected["gamma"], strict=True)
        ]
        found = maxcombo_of(sets, weightings)
        assert found.status == 0
        # R's are negative where the experimental arm does better.
        assert found.z_max == pytest.approx(-min(expected["z"]), rel=1e-9)
        np.testing.assert_allclose(found.correlation, expected["corr"], rtol=1e-9)
        if len(weightings) < 4:
            # Miwa's algorithm.
            assert found.p == pytest.approx(expected["p_one_sided"], rel=1e-8, abs=1e-10)
        elif expected["p_one_sided"] is not None:
            # The matrix is singular, since the weights S and 1 - S add up to 1, and R's algorithm
            # then a randomised one. In colon_rec its p-value of the four is less than that of the
            # first two alone, which cannot be: 9.97e-6 and 11.27e-6.
            assert found.p == pytest.approx(expected["p_one_sided"], rel=0.0, abs=1e-5)
        assert found.p == pytest.approx(slow_max_p_value(found.z_max, found.correlation), rel=1e-8)
        assert found.z == pytest.approx(-ndtri(found.p), rel=1e-12)
        # The first component has weights of 1.
        weightings[0] = Weighting(WEIGHTS_NONE, 0.0)
        assert maxcombo_of(sets, weightings).p == pytest.approx(found.p, rel=1e-12)
