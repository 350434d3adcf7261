"""What a run gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from simulate.engine.philox import STREAM_VERSION
from simulate.engine.statistics import Statistics
from simulate.results.characteristics import ALL, ANY, OVERALL, Row
from simulate.results.estimates import Estimate
from simulate.results.plain import plain_row
from simulate.results.tallies import BIN_MONTHS, Tallies
from simulate.results.twins import Twin
from simulate.scenario.hashes import data_hash, design_hash
from simulate.scenario.models import Scenario

if TYPE_CHECKING:
    import pandas as pd

JSON_VERSION = 1
PACKAGES = ("simulate-trials", "numba", "numpy", "scipy")


@dataclass(frozen=True)
class Result:
    """A simulated scenario.

    Attributes
    ----------
    scenario : Scenario
        What was simulated, with the trials and the seed that were used.
    tallies : Tallies
        The counts and sums over all trials that the rows come from.
    operating_characteristics : tuple of Row
        Tidy rows, each with its Monte Carlo standard error.
    twins : tuple of Twin
        The rows that a closed form also gives, side by side.
    blocks : list of Statistics
        The rows, block after block, if they were kept; one block once they have been joined.
    planned_trials : int or None
        Trials of the run folder, where these are only some of them, and not the first ones.
    """

    scenario: Scenario
    tallies: Tallies
    operating_characteristics: tuple[Row, ...]
    twins: tuple[Twin, ...]
    blocks: list[Statistics] = field(default_factory=list, repr=False)
    planned_trials: int | None = None

    @property
    def statistics(self) -> Statistics | None:
        """A row a (trial, analysis, hypothesis), in arrays (n_trials, n_rows); None if not kept."""
        if len(self.blocks) > 1:
            # Joined when first asked for: whoever wants tables only need not pay for it.
            columns = zip(*self.blocks, strict=True)
            self.blocks[:] = [Statistics(*(np.concatenate(parts) for parts in columns))]
        return self.blocks[0] if self.blocks else None

    @property
    def quantiles(self) -> str:
        """How good quantiles are: "exact", or "binned to 1/128 month"."""
        return "exact" if self.tallies.are_exact else f"binned to 1/{1.0 / BIN_MONTHS:.0f} month"

    @property
    def table(self) -> list[dict[str, Any]]:
        """The operating characteristics as a list of dictionaries, one a row."""
        return [row._asdict() for row in self.operating_characteristics]

    def to_pandas(self) -> pd.DataFrame:
        """Return the operating characteristics as a data frame; needs the extra ``pandas``.

        Raises
        ------
        ModuleNotFoundError
            If pandas is not installed.
        """
        import pandas as pd  # noqa: PLC0415 - optional

        return pd.DataFrame(self.table, columns=list(Row._fields))

    def estimate(
        self, measure: str, hypothesis: str, analysis: str = OVERALL, condition: str = "all"
    ) -> Estimate:
        """Look up one operating characteristic.

        Raises
        ------
        KeyError
            If there is no such row; the message names the measures there are.
        """
        wanted = (hypothesis, analysis, measure, condition)
        for row in self.operating_characteristics:
            if (row.hypothesis, row.analysis, row.measure, row.condition) == wanted:
                return Estimate(row.estimate, row.mcse, row.n_trials)
        measures = sorted({row.measure for row in self.operating_characteristics})
        raise KeyError(
            f"no row {wanted}: hypotheses {[*self.scenario.hypotheses, ANY, ALL]}, "
            f"analyses {[OVERALL, *self.scenario.analyses]}, measures {measures}"
        )

    def power(self, hypothesis: str | None = None) -> Estimate:
        """Probability that a hypothesis is rejected by the end; the first one if none is named."""
        name = hypothesis or next(iter(self.scenario.hypotheses))
        return self.estimate("rejection_probability", name)

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain data for ``json.dumps``; docs/json-output.md describes it."""
        scenario = self.scenario
        return {
            "format": "simulate-run",
            "format_version": JSON_VERSION,
            "title": scenario.title,
            "trials": scenario.simulation.trials,
            "planned_trials": self.planned_trials or scenario.simulation.trials,
            "seed": scenario.simulation.seed,
            "stream_version": STREAM_VERSION,
            "data_hash": data_hash(scenario),
            "design_hash": design_hash(scenario),
            "packages": {name: version(name) for name in PACKAGES},
            "quantiles": self.quantiles,
            "scenario": scenario.model_dump(mode="json", exclude_none=True),
            "operating_characteristics": [plain_row(row) for row in self.table],
            "twins": [plain_row(twin._asdict()) for twin in self.twins],
        }
