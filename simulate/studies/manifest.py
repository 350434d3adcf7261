"""The manifest of a study folder: what the study is, and the scenario of each of its cells."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

from simulate.errors import RefusedError, ScenarioError, StoreError
from simulate.runner.execute import BLOCK_TRIALS
from simulate.scenario.hashes import data_hash, design_hash
from simulate.scenario.load import scenario_from_dict
from simulate.scenario.models import Scenario
from simulate.scenario.study import Value
from simulate.studies.grid import Cell, Grid
from simulate.studies.patches import difference, patched

FORMAT = "simulate-study-folder"
FORMAT_VERSION = 2
# Of folders made before scenarios were stored: they can be told about and gone on with, not shown.
WITHOUT_SCENARIO = 1
# What version 2 has beyond version 1: of the study, and of each cell.
ADDED = ("block_trials", "scenario")
ADDED_TO_CELLS = ("null_holds", "scenario")
ALTERED = "was truncated or altered"
REMEDY = "simulate study with the scenario, seed and trials of the folder writes it anew"


@dataclass(frozen=True)
class StudyCell:
    """A cell as a study folder knows it.

    Attributes
    ----------
    name, values, settings
        As of `simulate.studies.grid.Cell`.
    data_hash, design_hash : str
        Of its scenario.
    null_holds : dict of str to bool or None
        As of `simulate.studies.grid.Cell`.
    scenario : dict
        What its scenario, as resolved, has otherwise than that of the study: a JSON merge patch.
    """

    name: str
    values: dict[str, Value]
    settings: dict[str, Any]
    data_hash: str
    design_hash: str
    null_holds: dict[str, bool | None]
    scenario: dict[str, Any]


@dataclass(frozen=True)
class StudyManifest:
    """What a study folder is the folder of.

    Attributes
    ----------
    format, format_version : str, int
        Of study folders.
    title : str
        Of the scenario.
    seed, trials : int
        Of every cell.
    keep : str
        What the run folders of the cells keep: "rows" or "summary".
    study : dict
        The study: its axes, reference, horizon.
    n_skipped : int
        Combinations left out.
    held_medians : dict of str to float
        By axis, the median in months that stays.
    cells : tuple of StudyCell
        In the order of the study.
    block_trials : int
        Trials in a whole block.
    scenario : dict
        The scenario of the file as resolved, without the study; empty in format version 1.
    """

    format: str
    format_version: int
    title: str
    seed: int
    trials: int
    keep: str
    study: dict[str, Any]
    n_skipped: int
    held_medians: dict[str, float]
    cells: tuple[StudyCell, ...]
    block_trials: int
    scenario: dict[str, Any]

    def to_bytes(self) -> bytes:
        """Write it as JSON with its SHA-256; the same study gives the same bytes, no clock."""
        content = asdict(self)
        content["sha256"] = hashlib.sha256(_json(content)).hexdigest()
        return _json(content)

    def is_only_older(self, other: StudyManifest) -> bool:
        """Whether the other says the same in a newer version of the format."""
        return self.format_version < other.format_version and _known_to_all(self) == _known_to_all(
            other
        )

    def to_grid(self) -> Grid:
        """Make the grid of the study again, with the trials and the seed that were used.

        Raises
        ------
        StoreError
            If the scenarios are not stored, cannot be loaded, or are not those that the hashes of
            the cells are of.
        """
        if not self.scenario:
            raise StoreError(
                f"has format version {self.format_version}, which holds no scenarios: run the same "
                "simulate study command on the folder once more; blocks that are there are not "
                "simulated again"
            )
        scenario = _loaded({**self.scenario, "study": self.study})
        if scenario.study is None:
            raise StoreError(f"{ALTERED}: it has no study; {REMEDY}")
        cells = tuple(self._cell(cell) for cell in self.cells)
        return Grid(scenario, scenario.study, cells, self.n_skipped, self.held_medians)

    def _cell(self, cell: StudyCell) -> Cell:
        scenario = _loaded(patched(self.scenario, cell.scenario))
        if (data_hash(scenario), design_hash(scenario)) != (cell.data_hash, cell.design_hash):
            raise StoreError(
                f"{ALTERED}: the scenario of the cell {cell.name} does not have its hashes; "
                f"{REMEDY}"
            )
        return Cell(cell.name, cell.values, cell.settings, scenario, cell.null_holds)


def new_study_manifest(grid: Grid, keep: str) -> StudyManifest:
    """Manifest of a study with the trials and the seed of its grid."""
    simulation = grid.scenario.simulation
    scenario = _tables(grid.scenario)
    scenario.pop("study", None)
    return StudyManifest(
        format=FORMAT,
        format_version=FORMAT_VERSION,
        title=grid.scenario.title,
        seed=simulation.seed,
        trials=simulation.trials,
        keep=keep,
        study=grid.study.model_dump(mode="json", exclude_none=True),
        n_skipped=grid.n_skipped,
        held_medians=grid.held_medians,
        cells=tuple(
            StudyCell(
                name=cell.name,
                values=cell.values,
                settings=cell.settings,
                data_hash=data_hash(cell.scenario),
                design_hash=design_hash(cell.scenario),
                null_holds=cell.null_holds,
                scenario=difference(scenario, _tables(cell.scenario)),
            )
            for cell in grid.cells
        ),
        block_trials=BLOCK_TRIALS,
        scenario=scenario,
    )


def read_study_manifest(data: bytes) -> StudyManifest:
    """Manifest of a study folder from its JSON.

    Raises
    ------
    RefusedError
        If it is of a newer version of the format.
    StoreError
        If it is none, or was altered.
    """
    try:
        content = json.loads(data)
    except ValueError:
        raise StoreError(f"{ALTERED}: it is not JSON; {REMEDY}") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise StoreError(f"{ALTERED}: it is not that of a study folder; {REMEDY}")
    found = content.get("format_version")
    if found not in {WITHOUT_SCENARIO, FORMAT_VERSION}:
        raise RefusedError(
            f"has format version {found}, this is simulate {version('simulate-trials')} with "
            f"format version {FORMAT_VERSION}"
        )
    checksum = content.pop("sha256", None)
    if hashlib.sha256(_json(content)).hexdigest() != checksum:
        raise StoreError(f"{ALTERED}: it does not have its SHA-256; {REMEDY}")
    if found == WITHOUT_SCENARIO:
        content |= {"block_trials": BLOCK_TRIALS, "scenario": {}}
        cells = [{**cell, "null_holds": {}, "scenario": {}} for cell in content["cells"]]
    else:
        cells = content["cells"]
    try:
        content["cells"] = tuple(StudyCell(**cell) for cell in cells)
        return StudyManifest(**content)
    except TypeError:
        rule = "its keys are not those of a study folder's manifest"
        raise StoreError(f"{ALTERED}: {rule}; {REMEDY}") from None


def _known_to_all(manifest: StudyManifest) -> bytes:
    """What every version of the format holds."""
    content = asdict(manifest)
    for name in ("format_version", *ADDED):
        del content[name]
    for cell in content["cells"]:
        for name in ADDED_TO_CELLS:
            del cell[name]
    return _json(content)


def _tables(scenario: Scenario) -> dict[str, Any]:
    return scenario.model_dump(mode="json", exclude_none=True)


def _loaded(tables: dict[str, Any]) -> Scenario:
    try:
        return scenario_from_dict(tables)
    except ScenarioError as error:
        raise StoreError(f"holds a scenario that cannot be used: {error}") from None


def _json(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()
