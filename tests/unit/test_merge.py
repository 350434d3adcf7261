"""Shards joined into one run folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from reproducibility.stored_runs import contents, rejected, small_folder, small_manifest

from simulate.errors import RefusedError, StoreError
from simulate.runner.execute import Block
from simulate.runner.folder import RunFolder, start_folder
from simulate.runner.manifest import Manifest
from simulate.runner.merge import merge_folders


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return small_manifest(trials=330)


@pytest.fixture(scope="module")
def whole(manifest: Manifest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return contents(small_folder(tmp_path_factory.mktemp("whole") / "run", manifest).path)


@pytest.fixture
def shards(manifest: Manifest, tmp_path: Path) -> list[RunFolder]:
    return [small_folder(tmp_path / f"s{k}", manifest, slice(k, None, 3)) for k in range(3)]


def paths(folders: list[RunFolder]) -> list[Path]:
    return [folder.path for folder in folders]


def spoil(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def test_shards_become_the_whole_and_stay(
    shards: list[RunFolder], whole: dict[str, bytes], tmp_path: Path
) -> None:
    before = [contents(path) for path in paths(shards)]
    merged = merge_folders(paths(shards)[::-1], tmp_path / "out")
    assert merged.complaints == []
    assert contents(tmp_path / "out") == whole
    assert [contents(path) for path in paths(shards)] == before
    # Once more changes nothing.
    assert merge_folders(paths(shards), tmp_path / "out").complaints == []
    assert contents(tmp_path / "out") == whole


def test_one_of_them_may_be_the_place(shards: list[RunFolder], whole: dict[str, bytes]) -> None:
    merged = merge_folders(paths(shards), shards[1].path)
    assert merged.complaints == []
    assert contents(shards[1].path) == whole


def test_shards_that_overlap(
    shards: list[RunFolder], whole: dict[str, bytes], manifest: Manifest, tmp_path: Path
) -> None:
    both = small_folder(tmp_path / "both", manifest)
    merge_folders([*paths(shards), both.path], tmp_path / "out")
    assert contents(tmp_path / "out") == whole


def test_missing_blocks_stay_missing(shards: list[RunFolder], tmp_path: Path) -> None:
    merged = merge_folders(paths(shards)[:2], tmp_path / "out")
    assert merged.complaints == []
    missing = set(merged.folder.planned()) - set(merged.folder.present())
    assert missing == {Block(100, 150), Block(250, 300)}


def test_wrong_files_are_named_and_left_out(
    shards: list[RunFolder], tmp_path: Path, manifest: Manifest, whole: dict[str, bytes]
) -> None:
    file = shards[0].present()[Block(150, 200)]
    spoil(file)
    merged = merge_folders(paths(shards), tmp_path / "out")
    assert len(merged.complaints) == 1
    assert merged.complaints[0].startswith(f"{file}: truncated or altered")
    assert merged.complaints[0].endswith("left out")
    assert Block(150, 200) not in merged.folder.present()
    assert not rejected(shards[0].path).exists()
    # A right one elsewhere takes its place.
    spare = small_folder(tmp_path / "spare", manifest, slice(3, 4))
    merged = merge_folders([*paths(shards), spare.path], tmp_path / "out")
    assert len(merged.complaints) == 1
    assert contents(tmp_path / "out") == whole


def test_wrong_files_of_the_place_are_set_aside_and_replaced(
    shards: list[RunFolder], tmp_path: Path, manifest: Manifest, whole: dict[str, bytes]
) -> None:
    out = small_folder(tmp_path / "out", manifest, slice(2))
    file = out.present()[Block(0, 50)]
    spoil(file)
    merged = merge_folders(paths(shards), out.path)
    assert len(merged.complaints) == 1
    assert f"set aside in {rejected(out.path)}" in merged.complaints[0]
    assert contents(out.path) == whole
    assert [file.name for file in rejected(out.path).iterdir()] == [file.name]


@pytest.mark.parametrize(
    "changed",
    [{"seed": 6}, {"trials": 331}, {"keep": "summary"}, {"block_trials": 60}, {"design": True}],
    ids=lambda changed: next(iter(changed)),
)
def test_another_run_is_refused(
    shards: list[RunFolder], tmp_path: Path, manifest: Manifest, changed: dict[str, object]
) -> None:
    name, value = next(iter(changed.items()))
    name, value = ("design_hash", "0" * 64) if name == "design" else (name, value)
    other = tmp_path / "other"
    start_folder(other, Manifest(**vars(manifest) | {name: value}))
    with pytest.raises(RefusedError, match="is not of the same run") as caught:
        merge_folders([*paths(shards), other], tmp_path / "out")
    for words in (str(other), str(shards[0].path), name, str(value), str(vars(manifest)[name])):
        assert words in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_other_versions_are_refused(
    shards: list[RunFolder], tmp_path: Path, manifest: Manifest
) -> None:
    older = replace(manifest, packages=manifest.packages | {"pyarrow": "17.0.0"})
    start_folder(tmp_path / "other", older)
    with pytest.raises(RefusedError, match="equal bytes are not sure"):
        merge_folders([*paths(shards), tmp_path / "other"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_place_of_another_run_is_refused(
    shards: list[RunFolder], tmp_path: Path, manifest: Manifest
) -> None:
    out = small_folder(tmp_path / "out", small_manifest(trials=330, seed=6), slice(1))
    before = contents(out.path)
    with pytest.raises(RefusedError, match=r"its seed is 6, that of .* is 5"):
        merge_folders(paths(shards), out.path)
    assert contents(out.path) == before


@pytest.mark.parametrize("changed", ["design", "packages"])
def test_a_place_with_another_design_or_other_versions_is_refused(
    shards: list[RunFolder], tmp_path: Path, manifest: Manifest, changed: str
) -> None:
    older = manifest.packages | {"pyarrow": "17.0.0"}
    other = replace(manifest, packages=older) if changed == "packages" else manifest
    other = replace(other, design_hash="0" * 64) if changed == "design" else other
    out, _ = start_folder(tmp_path / "out", other)
    before = contents(out.path)
    with pytest.raises(RefusedError, match=r"design_hash is 0000|pyarrow': '17\.0\.0'"):
        merge_folders(paths(shards), out.path)
    assert contents(out.path) == before


def test_no_run_folder_is_refused(shards: list[RunFolder], tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="is no run folder"):
        merge_folders([*paths(shards), tmp_path], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_full_disk_ends_it_once(
    shards: list[RunFolder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(folder: RunFolder, block: Block, data: bytes) -> Path:
        raise StoreError("no space")

    monkeypatch.setattr(RunFolder, "add", full)
    with pytest.raises(StoreError, match=r"^no space$"):
        merge_folders(paths(shards), tmp_path / "out")
