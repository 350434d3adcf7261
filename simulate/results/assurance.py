"""Assurance beside what plug-ins say, under several discounts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from simulate.results.characteristics import OVERALL, POWER_QUANTILES
from simulate.results.estimates import UNKNOWN, Estimate
from simulate.results.given_truth import FEWEST_TRIALS
from simulate.results.plain import plain_row
from simulate.results.result import Result
from simulate.scenario.models import Scenario
from simulate.scenario.resolve import n_members

if TYPE_CHECKING:
    import pandas as pd

JSON_VERSION = 1
# What is told of the power given the truth, by the ends of the names of its measures.
GIVEN_TRUTH = ("sd", *(name for _, name in POWER_QUANTILES), "above_80")


class AssuranceRow(NamedTuple):
    """The rejection probability of a hypothesis under one calibration and discount.

    Attributes
    ----------
    calibration : str
        Name of the plug-in; "own_figures" for those of uncertain arms, "uncertain" for all truths.
    discount : float
        By which the hazards of progression and death of the discounted arms are divided.
    hypothesis : str
        Its name.
    estimate, mcse : float
        Power under a plug-in; assurance over the truths. Their Monte Carlo standard error.
    between_se, within_se : float
        Its parts because of so many truths, and of so many trials; NaN where they cannot be told.
    hazard_ratio, hazard_ratio_mcse : float
        Geometric mean of the estimated ratio at the last look; NaN where none is estimated.
    power_sd, power_p05, power_p25, power_median, power_p75, power_p95, power_above_80 : float
        Of the power given the truth, over truths; NaN for a plug-in.
    power_sd_mcse, ..., power_above_80_mcse : float
        Monte Carlo standard error of each.
    n_trials : int
        Trials behind it.
    """

    calibration: str
    discount: float
    hypothesis: str
    estimate: float
    mcse: float
    between_se: float
    within_se: float
    hazard_ratio: float
    hazard_ratio_mcse: float
    power_sd: float
    power_sd_mcse: float
    power_p05: float
    power_p05_mcse: float
    power_p25: float
    power_p25_mcse: float
    power_median: float
    power_median_mcse: float
    power_p75: float
    power_p75_mcse: float
    power_p95: float
    power_p95_mcse: float
    power_above_80: float
    power_above_80_mcse: float
    n_trials: int


@dataclass(frozen=True)
class Assurance:
    """Assurance of a trial beside the power that plug-ins give.

    Attributes
    ----------
    scenario : Scenario
        The trial, with the number of trials and the seed that all rows share.
    discounted : tuple of str
        Arms that the discounts are of.
    calibrations : dict of str to str
        Names for reports by names of calibrations, in order.
    discounts : tuple of float
        In order.
    rows : tuple of AssuranceRow
        By hypothesis, calibration and discount.
    """

    scenario: Scenario
    discounted: tuple[str, ...]
    calibrations: dict[str, str]
    discounts: tuple[float, ...]
    rows: tuple[AssuranceRow, ...]

    @property
    def table(self) -> list[dict[str, Any]]:
        """The rows as a list of dictionaries."""
        return [row._asdict() for row in self.rows]

    def row(self, calibration: str, discount: float, hypothesis: str | None = None) -> AssuranceRow:
        """Look up one row; of the first hypothesis if none is named.

        Raises
        ------
        KeyError
            If there is no such row.
        """
        name = hypothesis or next(iter(self.scenario.hypotheses))
        for row in self.rows:
            if (row.calibration, row.discount, row.hypothesis) == (calibration, discount, name):
                return row
        raise KeyError(
            f"no row {(calibration, discount, name)}: calibrations {list(self.calibrations)}, "
            f"discounts {list(self.discounts)}, hypotheses {list(self.scenario.hypotheses)}"
        )

    def to_pandas(self) -> pd.DataFrame:
        """Return the rows as a data frame; needs the extra ``pandas``.

        Raises
        ------
        ModuleNotFoundError
            If pandas is not installed.
        """
        import pandas as pd  # noqa: PLC0415 - optional

        return pd.DataFrame(self.table, columns=list(AssuranceRow._fields))

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data for ``json.dumps``; docs/json-output.md describes it."""
        scenario = self.scenario
        return {
            "format": "simulate-assurance",
            "format_version": JSON_VERSION,
            "title": scenario.title,
            "trials": scenario.simulation.trials,
            "seed": scenario.simulation.seed,
            "discounted_arms": list(self.discounted),
            "calibrations": self.calibrations,
            "scenario": scenario.model_dump(mode="json", exclude_none=True),
            "trials_for_quantiles": FEWEST_TRIALS * n_members(scenario),
            "rows": [plain_row(row) for row in self.table],
        }


def assurance_row(result: Result, calibration: str, discount: float, name: str) -> AssuranceRow:
    """Row of a hypothesis from the run of one calibration and discount."""
    found = {
        row.measure: Estimate(row.estimate, row.mcse, row.n_trials)
        for row in result.operating_characteristics
        if (row.hypothesis, row.analysis) == (name, OVERALL)
    }
    last = result.scenario.hypotheses[name].analyses[-1]
    ratios = [
        Estimate(row.estimate, row.mcse, row.n_trials)
        for row in result.operating_characteristics
        if (row.hypothesis, row.analysis, row.condition) == (name, last, "all")
        and row.measure == "hazard_ratio"
    ]
    power = found["rejection_probability"]
    ratio = ratios[0] if ratios else UNKNOWN
    has_truths = "assurance" in found

    given_truth = {
        f"power_{name}": found.get(f"conditional_power_{name}", UNKNOWN) for name in GIVEN_TRUTH
    }

    return AssuranceRow(
        calibration=calibration,
        discount=discount,
        hypothesis=name,
        estimate=power.value,
        mcse=power.mcse,
        between_se=found["assurance_between_se"].value if has_truths else 0.0,
        within_se=found["assurance_within_se"].value if has_truths else power.mcse,
        hazard_ratio=ratio.value,
        hazard_ratio_mcse=ratio.mcse,
        **{name: estimate.value for name, estimate in given_truth.items()},
        **{f"{name}_mcse": estimate.mcse for name, estimate in given_truth.items()},
        n_trials=power.n_trials,
    )
