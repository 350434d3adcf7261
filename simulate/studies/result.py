"""What a study gives back: its cells, and one tidy table of all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from simulate.engine.philox import STREAM_VERSION
from simulate.results.characteristics import ALL, ANY, OVERALL, Row
from simulate.results.estimates import Estimate
from simulate.results.plain import plain_row
from simulate.results.result import PACKAGES
from simulate.results.twins import Twin
from simulate.scenario.hashes import data_hash, design_hash
from simulate.scenario.models import Scenario
from simulate.scenario.study import COLUMNS, Value, value_text
from simulate.studies.grid import Cell, Grid

if TYPE_CHECKING:
    import pandas as pd

JSON_VERSION = 1


@dataclass(frozen=True)
class CellResult:
    """A simulated cell of a study.

    Attributes
    ----------
    cell : Cell
        Its values, and its scenario with the trials and the seed that were used.
    rows : tuple of Row
        Its operating characteristics, as a run of its own gives them, then what the study adds: the
        share of trials late for the horizon, differences from the reference.
    twins : tuple of Twin
        The rows that a closed form also gives.
    """

    cell: Cell
    rows: tuple[Row, ...]
    twins: tuple[Twin, ...]

    @property
    def scenario(self) -> Scenario:
        """The scenario of the cell."""
        return self.cell.scenario

    def estimate(
        self, measure: str, hypothesis: str, analysis: str = OVERALL, condition: str = "all"
    ) -> Estimate:
        """Look up one figure.

        Raises
        ------
        KeyError
            If there is no such row.
        """
        wanted = (hypothesis, analysis, measure, condition)
        for row in self.rows:
            if (row.hypothesis, row.analysis, row.measure, row.condition) == wanted:
                return Estimate(row.estimate, row.mcse, row.n_trials)
        raise KeyError(f"no row {wanted} in the cell {self.cell.name}")

    def power(self, hypothesis: str | None = None) -> Estimate:
        """Probability that a hypothesis is rejected by the end; the first one if none is named."""
        name = hypothesis or next(iter(self.scenario.hypotheses))
        return self.estimate("rejection_probability", name)

    def twin(self, measure: str, hypothesis: str, analysis: str = OVERALL) -> Twin | None:
        """Closed form beside a figure, if there is one."""
        wanted = (hypothesis, analysis, measure)
        found = (t for t in self.twins if (t.hypothesis, t.analysis, t.measure) == wanted)
        return next(found, None)


@dataclass(frozen=True)
class Study:
    """A simulated study.

    Attributes
    ----------
    grid : Grid
        Its scenario, axes and cells, with the trials and the seed that were used.
    cells : tuple of CellResult
        In the order of the grid; of a folder that was read in part, those that have any trials.
    """

    grid: Grid
    cells: tuple[CellResult, ...]

    @property
    def n_missing(self) -> int:
        """Planned trials of all cells that are missing: none, unless a folder was read in part."""
        planned = len(self.grid.cells) * self.grid.scenario.simulation.trials
        return planned - sum(cell.scenario.simulation.trials for cell in self.cells)

    @property
    def columns(self) -> list[str]:
        """Columns of the table: the cell, its axes, then the figure."""
        return [COLUMNS[0], *self.grid.study.axes, *COLUMNS[1:]]

    @property
    def table(self) -> list[dict[str, Any]]:
        """All operating characteristics of all cells, a dictionary a row."""
        return [row for cell in self.cells for row in _rows(cell)]

    def cell(self, **values: Value) -> CellResult:
        """Look up a cell by values of its axes; those of axes with one value may be left out.

        Raises
        ------
        KeyError
            If there is no such cell, or several.
        """
        wanted = {axis: value_text(value) for axis, value in values.items()}
        found = [
            cell
            for cell in self.cells
            if wanted.items() <= {a: value_text(v) for a, v in cell.cell.values.items()}.items()
        ]
        if len(found) != 1:
            axes = {name: list(axis.levels) for name, axis in self.grid.study.axes.items()}
            raise KeyError(f"{len(found)} cells have {values}; axes and their values: {axes}")
        return found[0]

    def to_pandas(self) -> pd.DataFrame:
        """Return the table as a data frame; needs the extra ``pandas``.

        Raises
        ------
        ModuleNotFoundError
            If pandas is not installed.
        """
        import pandas as pd  # noqa: PLC0415 - optional

        return pd.DataFrame(self.table, columns=self.columns)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data for ``json.dumps``; docs/json-output.md describes it."""
        scenario = self.grid.scenario
        return {
            "format": "simulate-study",
            "format_version": JSON_VERSION,
            "title": scenario.title,
            "trials": scenario.simulation.trials,
            "seed": scenario.simulation.seed,
            "stream_version": STREAM_VERSION,
            "packages": {name: version(name) for name in PACKAGES},
            "scenario": scenario.model_dump(mode="json", exclude_none=True),
            "n_skipped": self.grid.n_skipped,
            "held_medians": self.grid.held_medians,
            "cells": [_plain_cell(cell.cell) for cell in self.cells],
            "rows": [plain_row(row) for row in self.table],
        }


def _rows(result: CellResult) -> Iterator[dict[str, Any]]:
    """Rows of the table of one cell."""
    cell = result.cell
    twins = {(t.hypothesis, t.analysis, t.measure, t.condition): t for t in result.twins}
    head = {COLUMNS[0]: cell.name, **cell.values}
    for row in result.rows:
        twin = twins.get((row.hypothesis, row.analysis, row.measure, row.condition))
        figures = row._asdict()
        del figures["scenario"]
        yield (
            head
            | figures
            | {
                "null_holds": null_holds_in(cell, row.hypothesis),
                "closed_form": None if twin is None else twin.twin,
                "closed_form_kind": None if twin is None else twin.kind,
                "flagged": None if twin is None else twin.flagged,
            }
        )


def null_holds_in(cell: Cell, hypothesis: str) -> bool | None:
    """Whether a hypothesis is null in a cell; for several at once, whether all of them are."""
    if hypothesis in {ANY, ALL}:
        known = list(cell.null_holds.values())
        return True if all(known) else None if None in known else False
    return cell.null_holds.get(hypothesis)


def _plain_cell(cell: Cell) -> dict[str, Any]:
    return {
        "cell": cell.name,
        "values": cell.values,
        "settings": cell.settings,
        "data_hash": data_hash(cell.scenario),
        "design_hash": design_hash(cell.scenario),
        "null_holds": cell.null_holds,
        "trials": cell.scenario.simulation.trials,
    }
