"""The two replicates of a published trial agree: patient by patient, and many in arrays."""

from __future__ import annotations

import numpy as np
import pytest
from twins.replicates import (
    PARAMETERS,
    curve_of,
    draw,
    figures,
    lowest_z,
    median_and_limits,
    see,
)
from twins.slow_kaplan_meier import slow_survival
from twins.slow_replicate import (
    CHECKED,
    DAYS_PER_MONTH,
    LEVEL,
    PUBLISHED,
    Draws,
    entry_months,
    published_model,
    slow_figures,
    slow_record,
)
from twins.slow_rmst import slow_median_limits, slow_midpoint_median
from twins.slow_states import TRANSITIONS, StatesCourse, Weibull, slow_states

# Parameters that reach every corner: many responses, early deaths, hardly any response.
EXTREMES = (
    CHECKED,
    {"rsr": 0.3, "h12": 0.5, "k": 1.3, "rrp": 0.06, "rpd": 0.05, "rd": 0.01},
    {"rsr": 0.02, "h12": 0.4, "k": 0.8, "rrp": 0.2, "rpd": 0.2, "rd": 0.15},
    {"rsr": 0.0005, "h12": 3.0, "k": 0.5, "rrp": 0.03, "rpd": 0.03, "rd": 0.005},
)


@pytest.mark.parametrize("parameters", EXTREMES)
def test_patient_by_patient_and_in_arrays(parameters: dict[str, float]) -> None:
    replicates = 6
    draws = draw(PUBLISHED, replicates, np.random.default_rng(3))
    values = np.tile([parameters[name] for name in PARAMETERS], (replicates, 1))
    seen = see(PUBLISHED, values, draws)
    many = figures(seen)
    model, entries = published_model(**parameters), entry_months(PUBLISHED)
    for i in range(replicates):
        records = [
            slow_record(
                PUBLISHED,
                model,
                entries[j],
                Draws(
                    {
                        name: float(values[i, j])
                        for name, values in zip(
                            TRANSITIONS, draws.exponentials.values(), strict=True
                        )
                    },
                    float(draws.dropout[i, j]),
                    int(draws.shift[i, j]),
                    bool(draws.is_evaluable[i, j]),
                ),
            )
            for j in range(PUBLISHED.patients)
        ]
        assert [r.pfs_day for r in records] == seen.pfs[i].tolist()
        assert [r.has_pfs_event for r in records] == seen.has_event[i].tolist()
        assert [r.is_dead for r in records] == seen.is_dead[i].tolist()
        np.testing.assert_allclose([r.os * DAYS_PER_MONTH for r in records], seen.os[i])
        slow = slow_figures(records)
        for name in slow._fields:
            got = [np.asarray(part)[..., i] for part in [getattr(many, name)]]
            np.testing.assert_allclose(got[0], getattr(slow, name), err_msg=name)


def test_a_course_walks_from_state_to_state() -> None:
    model = {
        "stable_to_response": Weibull(1.0, 1.2),
        "stable_to_progression": Weibull(2.0, 1.0),
        "stable_to_death": Weibull(1.0, 0.12),
        "response_to_progression": Weibull(2.0, 1.0),
        "response_to_death": Weibull(0.5, 1.0, "forward"),
        "progression_to_death": Weibull(1.0, 2.4, "forward"),
    }
    e = dict.fromkeys(TRANSITIONS, 9.0) | {"stable_to_response": 0.3}
    e |= {"response_to_progression": 0.25, "progression_to_death": 1.0}
    # Response at 3, progression 12 sqrt(0.25) months later, death 1 / 0.2 later.
    assert slow_states(model, e) == pytest.approx(StatesCourse(3.0, 9.0, 14.0))
    e["response_to_death"] = 0.1
    # H(t) = (t / 12) ** 0.5: from H(3) = 0.5 on to 0.6.
    assert slow_states(model, e) == pytest.approx(StatesCourse(3.0, np.inf, 12.0 * 0.36))
    e |= {"stable_to_progression": 0.04}
    assert slow_states(model, e) == pytest.approx(StatesCourse(np.inf, 2.4, 7.4))
    assert slow_states({"stable_to_response": Weibull(1.0, 1.2)}, e) == pytest.approx(
        StatesCourse(3.0, np.inf, np.inf)
    )


def test_published_check_of_the_median_without_randomness() -> None:
    patients = [(float(t), t % 2 == 1) for t in range(1, 21)]
    survival = [float(slow_survival(patients, t)) for t in range(1, 21, 2)]
    published = [0.95, 0.8972, 0.8411, 0.7811, 0.7160, 0.6444, 0.5638, 0.4699, 0.3524, 0.1762]
    np.testing.assert_allclose(survival, published, atol=5e-5)
    assert slow_midpoint_median(patients) == 15.0
    assert slow_median_limits(patients, LEVEL) == (9.0, np.inf)
    days = np.array([[t * DAYS_PER_MONTH for t, _ in patients]])
    curve = curve_of(days, np.array([[e for _, e in patients]]))
    np.testing.assert_allclose(median_and_limits(curve), [[15.0], [9.0], [np.inf]])
    assert lowest_z(curve)[0] > -LEVEL
