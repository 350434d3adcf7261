"""Tests in words."""

from __future__ import annotations

from typing import Any

import pytest
from twins.joint_scenarios import HYPOTHESES, alone, compare, joint_scenario

from simulate.report import tests_in_words

FH: dict[str, Any] = {"fleming_harrington": {"rho": 0, "gamma": 0.5}}
LATE: dict[str, Any] = {"modestly_weighted": {"delay_months": 3}}
FLOOR: dict[str, Any] = {"modestly_weighted": {"survival_floor": 0.5}}
PROPORTIONS = {
    "z_pooled": "z test of proportions, pooled variance",
    "z_unpooled": "z test of proportions, unpooled variance",
    "miettinen_nurminen": "Miettinen and Nurminen's test of proportions",
    "fisher": "Fisher's exact test",
}
WORDS: list[tuple[dict[str, Any], str]] = [
    (compare("os", "logrank"), "log-rank test"),
    (
        compare("os", "logrank", stratified=True, null_hazard_ratio=1.3),
        "stratified log-rank test of hazard ratio 1.3",
    ),
    (
        compare("os", "weighted_logrank", **FH),
        "weighted log-rank test, Fleming-Harrington (0, 0.5)",
    ),
    (
        compare("os", "weighted_logrank", stratified=True, **LATE),
        "weighted stratified log-rank test, modestly weighted up to month 3",
    ),
    (
        compare("os", "maxcombo", components=[FH, LATE, FLOOR]),
        "MaxCombo test of Fleming-Harrington (0, 0.5); modestly weighted up to month 3; modestly "
        "weighted down to survival 0.5",
    ),
    (compare("os", "rmst", tau_months=18), "difference in restricted mean up to month 18"),
    (compare("os", "milestone", at_months=24), "difference in survival at month 24"),
    (
        compare("os", "milestone", at_months=24, transform="log_log"),
        "difference in survival at month 24, log-log",
    ),
    (
        alone("os", "landmark_survival", at_months=12, null_survival=0.4),
        "survival at month 12 against 0.4, log-log",
    ),
    *(
        (compare("response", "proportions", method=method), words)
        for method, words in PROPORTIONS.items()
    ),
    (
        compare("response", "proportions", method="mantel_haenszel", stratified=True),
        "Cochran-Mantel-Haenszel test",
    ),
    (
        compare(
            "response",
            "proportions",
            method="miettinen_nurminen",
            stratified=True,
            null_difference=-0.1,
            minimum_follow_up_months=6,
        ),
        "stratified Miettinen and Nurminen's test of proportions of a difference of -0.1, patients "
        "followed for 6 months or more",
    ),
    (alone("clear", "exact_binomial", null_rate=0.2), "exact binomial test against 0.2"),
    (
        alone("clear", "exact_binomial", null_rate=0.2, minimum_follow_up_months=1),
        "exact binomial test against 0.2, patients followed for 1 month or more",
    ),
]


@pytest.mark.parametrize(("table", "words"), WORDS)
def test_tests_in_words(table: dict[str, Any], words: str) -> None:
    scenario = joint_scenario(hypotheses={"it": table})
    assert tests_in_words.test_text(scenario.hypotheses["it"].test) == words


def test_every_kind_has_words_of_its_own() -> None:
    tests = {name: h.test for name, h in joint_scenario().hypotheses.items()}
    assert len({tests_in_words.test_text(test) for test in tests.values()}) == len(HYPOTHESES)
