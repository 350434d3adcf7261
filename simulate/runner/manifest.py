"""The manifest of a run folder: what its blocks are blocks of."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any

from simulate.engine.philox import STREAM_VERSION
from simulate.errors import ScenarioError, StoreError
from simulate.runner.pack.course import progression_of
from simulate.scenario.comparisons import planned_comparisons
from simulate.scenario.endpoints import OS, PFS
from simulate.scenario.hashes import data_hash, design_hash
from simulate.scenario.hazards import Hazard
from simulate.scenario.load import scenario_from_dict
from simulate.scenario.models import Scenario
from simulate.scenario.resolve import endpoints_of, has_states

FORMAT = "simulate-run-folder"
FORMAT_VERSION = 2
PACKAGES = ("simulate-trials", "numba", "numpy", "scipy", "pyarrow")
ROWS = "rows"
SUMMARY = "summary"
ALTERED = "the manifest was truncated or altered"
REMEDY = (
    "run the same command with another --out: blocks of this folder that are moved there are not "
    "simulated again"
)


@dataclass(frozen=True)
class Manifest:
    """What a run folder holds.

    Attributes
    ----------
    format, format_version : str, int
        Of folders and their files.
    data_hash, design_hash : str
        Of the scenario.
    seed, trials, block_trials : int
        Key of the random numbers; trials in all; trials in a whole block.
    stream_version : int
        Layout of the random numbers.
    keep : str
        "rows": a row a (trial, analysis, hypothesis); "summary": sums and counts of each block.
    rows : list of dict
        Name and number of the analysis and the hypothesis of each row of a trial.
    packages : dict
        Versions that made the folder.
    scenario : dict
        As resolved, with every default filled in.
    progression : list of dict
        Of a scenario with both PFS and OS, the tables of the latent time to progression, by arm and
        cell: months and slopes. Trials are simulated from these, not from tables made anew, which
        another version of a package might make otherwise.
    """

    format: str
    format_version: int
    data_hash: str
    design_hash: str
    seed: int
    trials: int
    block_trials: int
    stream_version: int
    keep: str
    rows: list[dict[str, Any]]
    packages: dict[str, str]
    scenario: dict[str, Any]
    progression: list[dict[str, Any]] = field(default_factory=list)

    @property
    def header(self) -> dict[str, Any]:
        """What every file of the folder carries, so that a foreign one is known."""
        same = ["format", "format_version", "data_hash", "seed", "stream_version", "keep"]
        if self.keep == SUMMARY:
            same.append("design_hash")  # sums and counts are of tests as judged
        return {name: getattr(self, name) for name in same}

    @property
    def numbers(self) -> tuple[tuple[int, int], ...]:
        """Numbers of the analysis and the hypothesis of each row of a trial."""
        return tuple((row["analysis_number"], row["hypothesis_number"]) for row in self.rows)

    def to_bytes(self) -> bytes:
        """Write the manifest as JSON with its SHA-256; the same manifest gives the same bytes."""
        content = asdict(self)
        if not self.progression:
            del content["progression"]
        content["sha256"] = hashlib.sha256(_json(content)).hexdigest()
        return _json(content)

    def to_scenario(self) -> Scenario:
        """Load the scenario that the manifest holds, with the trials and seed that were used.

        Raises
        ------
        StoreError
            If it cannot be loaded or is not the one that the hashes are of.
        """
        try:
            scenario = scenario_from_dict(self.scenario)
        except ScenarioError as error:
            raise StoreError(f"the manifest's scenario cannot be used: {error}") from None
        if (data_hash(scenario), design_hash(scenario)) != (self.data_hash, self.design_hash):
            raise StoreError("the manifest was altered: its scenario does not have its hashes")
        return scenario

    def progression_hazards(self) -> dict[str, tuple[Hazard, ...]] | None:
        """Hazards of the latent time to progression by arm, one a cell; None if there are none."""
        if not self.progression:
            return None
        places: dict[str, dict[int, Hazard]] = {}
        for table in self.progression:
            hazard = Hazard(1.0, 1.0, tuple(table["months"]), tuple(table["slopes"]))
            for arm, cells in table["cells"].items():
                places.setdefault(arm, {}).update(dict.fromkeys(cells, hazard))
        return {arm: tuple(cells[c] for c in sorted(cells)) for arm, cells in places.items()}


def _progression(scenario: Scenario) -> list[dict[str, Any]]:
    """Tables of the latent time to progression, each with the numbers of its cells by arm."""
    if has_states(scenario) or not {PFS, OS} <= set(endpoints_of(scenario)):
        return []
    tables: dict[Hazard, dict[str, list[int]]] = {}
    for arm, hazards in progression_of(scenario).items():
        for cell, hazard in enumerate(hazards):
            tables.setdefault(hazard, {}).setdefault(arm, []).append(cell)
    return [
        {"cells": cells, "months": list(hazard.starts_months), "slopes": list(hazard.slopes)}
        for hazard, cells in tables.items()
    ]


def new_manifest(scenario: Scenario, block_trials: int, keep: str) -> Manifest:
    """Manifest of a run of ``scenario`` with its own trials and seed."""
    return Manifest(
        format=FORMAT,
        format_version=FORMAT_VERSION,
        data_hash=data_hash(scenario),
        design_hash=design_hash(scenario),
        seed=scenario.simulation.seed,
        trials=scenario.simulation.trials,
        block_trials=block_trials,
        stream_version=STREAM_VERSION,
        keep=keep,
        rows=[
            {
                "analysis": comparison.analysis,
                "analysis_number": comparison.analysis_number,
                "hypothesis": comparison.hypothesis,
                "hypothesis_number": comparison.hypothesis_number,
            }
            for comparison in planned_comparisons(scenario)
        ],
        packages={name: version(name) for name in PACKAGES},
        scenario=scenario.model_dump(mode="json", exclude_none=True),
        progression=_progression(scenario),
    )


def read_manifest(data: bytes) -> Manifest:
    """Manifest from its JSON.

    Raises
    ------
    StoreError
        If it is none, or one of another version of the format.
    """
    try:
        content = json.loads(data)
    except ValueError:
        raise StoreError(f"{ALTERED}: it is not JSON; {REMEDY}") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise StoreError(f"{ALTERED}: it is not one of a run folder; {REMEDY}")
    if content.get("format_version") != FORMAT_VERSION:
        raise StoreError(
            f"the folder has format version {content.get('format_version')}, this is "
            f"simulate {version('simulate-trials')} with format version {FORMAT_VERSION}"
        )
    try:
        content.pop("sha256", None)
        manifest = Manifest(**content)
    except TypeError:
        raise StoreError(f"{ALTERED}: its keys are not those of a manifest; {REMEDY}") from None
    if manifest.to_bytes() != data:
        raise StoreError(f"{ALTERED}: it does not have its SHA-256; {REMEDY}")
    return manifest


def _json(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()
