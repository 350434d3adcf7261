"""The manifest of a run folder."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from twins.feature_scenarios import FEATURES, feature_scenario

from simulate.errors import StoreError
from simulate.runner.manifest import Manifest, new_manifest, read_manifest
from simulate.scenario.comparisons import planned_comparisons
from simulate.scenario.load import load_scenario

SHIPPED = sorted((Path(__file__).parents[2] / "scenarios").glob("*.toml"))


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return new_manifest(feature_scenario("stratified"), 20_000, "rows")


@pytest.mark.parametrize("name", FEATURES)
def test_the_scenario_comes_back_from_the_bytes(name: str) -> None:
    scenario = feature_scenario(name)
    manifest = new_manifest(scenario, 20_000, "rows")
    found = read_manifest(manifest.to_bytes())
    assert found == manifest
    assert found.to_bytes() == manifest.to_bytes()
    assert found.to_scenario() == scenario
    # So that going on by the folder's own scenario is going on.
    assert new_manifest(found.to_scenario(), 20_000, "rows") == manifest


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_shipped_scenarios_come_back(file: Path) -> None:
    manifest = new_manifest(load_scenario(str(file)), 20_000, "summary")
    found = read_manifest(manifest.to_bytes())
    assert found == manifest
    assert new_manifest(found.to_scenario(), 20_000, "summary") == manifest


def test_rows_are_those_of_the_comparisons(manifest: Manifest) -> None:
    comparisons = planned_comparisons(feature_scenario("stratified"))
    assert manifest.numbers == tuple(
        (one.analysis_number, one.hypothesis_number) for one in comparisons
    )
    assert [row["analysis"] for row in manifest.rows] == [one.analysis for one in comparisons]
    assert [row["hypothesis"] for row in manifest.rows] == [one.hypothesis for one in comparisons]


def test_it_carries_its_sha_256(manifest: Manifest) -> None:
    content = json.loads(manifest.to_bytes())
    found = content.pop("sha256")
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    assert found == hashlib.sha256(text.encode()).hexdigest()


def test_letters_of_all_languages(manifest: Manifest) -> None:
    titled = replace(manifest, scenario=manifest.scenario | {"title": "Überleben, 生存 🙂"})
    assert read_manifest(titled.to_bytes()) == titled
    assert "Überleben" in titled.to_bytes().decode()


@pytest.mark.parametrize("keep", ["rows", "summary"])
def test_headers_tell_runs_apart(keep: str) -> None:
    scenario = feature_scenario("plain")
    header = new_manifest(scenario, 20_000, keep).header
    assert header == new_manifest(scenario, 20_000, keep).header
    longer = scenario.simulation.model_copy(update={"trials": 999})
    assert (
        header
        == new_manifest(scenario.model_copy(update={"simulation": longer}), 20_000, keep).header
    )
    other_keep = "summary" if keep == "rows" else "rows"
    hypotheses = {"test": FEATURES["plain"]["hypotheses"]["test"] | {"critical_values": [1.5]}}
    judged = new_manifest(feature_scenario("plain", hypotheses=hypotheses), 20_000, keep).header
    others = [
        new_manifest(feature_scenario("plain", seed=1), 20_000, keep).header,
        new_manifest(feature_scenario("plain", 92), 20_000, keep).header,
        new_manifest(scenario, 20_000, other_keep).header,
        replace(new_manifest(scenario, 20_000, keep), stream_version=99).header,
    ]
    assert header not in others
    # Rows are the same however they are judged, sums are not.
    assert (header == judged) is (keep == "rows")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"format": "something else"}, "not one of a run folder"),
        ({"format_version": 1}, "format version 1, this is simulate .* with format version 2"),
        ({"trials": 30}, "does not have its SHA-256"),
        ({"sha256": "0" * 64}, "does not have its SHA-256"),
        ({"sha256": None}, "does not have its SHA-256"),
        ({"packages": []}, "does not have its SHA-256"),
        ({"more": 1}, "its keys are not those of a manifest"),
    ],
)
def test_altered_ones_are_refused(
    manifest: Manifest, changed: dict[str, object], words: str
) -> None:
    content = json.loads(manifest.to_bytes()) | changed
    with pytest.raises(StoreError, match=words):
        read_manifest((json.dumps(content, indent=1) + "\n").encode())


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"7\n", b'{"a": 1}'])
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(StoreError, match=r"truncated or altered: .*; run the same command"):
        read_manifest(data)


@pytest.mark.parametrize("key", ["seed", "scenario", "sha256"])
def test_a_missing_key_is_refused(manifest: Manifest, key: str) -> None:
    content = json.loads(manifest.to_bytes())
    del content[key]
    with pytest.raises(StoreError, match="altered"):
        read_manifest(json.dumps(content, indent=1).encode())


def test_a_scenario_that_is_not_that_of_the_hashes_is_refused(manifest: Manifest) -> None:
    other = new_manifest(feature_scenario("plain"), 20_000, "rows")
    with pytest.raises(StoreError, match="does not have its hashes"):
        replace(manifest, scenario=other.scenario).to_scenario()
    with pytest.raises(StoreError, match="cannot be used"):
        replace(manifest, scenario={"schema_version": 1}).to_scenario()
