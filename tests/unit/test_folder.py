"""Run folders: what belongs there, what is refused, what is set aside."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from reproducibility.stored_runs import (
    block_bytes,
    contents,
    rejected,
    small_folder,
    small_manifest,
)
from twins.feature_scenarios import FEATURES

from simulate.errors import RefusedError, StoreError
from simulate.runner import folder as module
from simulate.runner.execute import Block
from simulate.runner.folder import (
    MANIFEST,
    RunFolder,
    block_name,
    fingerprint,
    free_bytes,
    named_block,
    open_folder,
    start_folder,
)
from simulate.runner.manifest import Manifest

THREE = [Block(0, 50), Block(50, 100), Block(100, 130)]


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return small_manifest()


@pytest.fixture
def folder(tmp_path: Path, manifest: Manifest) -> RunFolder:
    return small_folder(tmp_path / "run", manifest)


# Names


def test_names_of_blocks() -> None:
    data = b"content"
    name = block_name(Block(20_000, 10_000_000_000), data)
    assert name == f"trials-00000020000-10000000000-{fingerprint(data)}.parquet"
    assert fingerprint(data) == "ed7002b439e9ac84"
    assert named_block(name) == Block(20_000, 10_000_000_000)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "manifest.json",
        "trials-00000000000-00000000050.parquet",
        "trials-00000000000-00000000050-0123456789ABCDEF.parquet",
        "trials-0-50-0123456789abcdef.parquet",
        "trials-00000000000-00000000050-0123456789abcdef.parquet.part",
        ".trials-00000000000-00000000050-0123456789abcdef.parquet",
    ],
)
def test_other_names_name_no_block(name: str) -> None:
    assert named_block(name) is None


# What is there


def test_present_and_strange(folder: RunFolder) -> None:
    assert folder.planned() == THREE
    assert list(folder.present()) == THREE
    assert folder.strange() == []
    folder.present()[THREE[1]].unlink()
    others = ["notes", "trials-00000000001-00000000050-0123456789abcdef.parquet"]
    for name in (*others, ".writing-1-2"):
        (folder.path / name).write_bytes(b"")
    assert list(folder.present()) == [THREE[0], THREE[2]]
    assert [file.name for file in folder.strange()] == others


def test_one_of_two_files_of_a_block_is_strange(folder: RunFolder) -> None:
    double = folder.path / "trials-00000000000-00000000050-0000000000000000.parquet"
    double.write_bytes(b"")
    assert len(folder.present()) == 3
    strange = folder.strange()
    assert len(strange) == 1
    assert {*strange, folder.present()[THREE[0]]} == {
        double,
        *folder.path.glob("trials-00000000000-*"),
    }


def test_a_folder_that_vanished_cannot_be_read(folder: RunFolder, tmp_path: Path) -> None:
    folder.path.rename(tmp_path / "elsewhere")
    for look in (folder.present, folder.strange, folder.tidy):
        with pytest.raises(StoreError, match="run: cannot be read: No such file") as caught:
            look()
        assert not isinstance(caught.value, RefusedError)


def test_reading_checks_content_name_and_run(folder: RunFolder, tmp_path: Path) -> None:
    file = folder.present()[THREE[0]]
    data = file.read_bytes()
    assert folder.read(file) == data
    file.write_bytes(data[:-1])
    with pytest.raises(StoreError, match="truncated or altered"):
        folder.read(file)
    file.unlink()
    with pytest.raises(StoreError, match="cannot be read: No such file"):
        folder.read(file)
    other = small_folder(tmp_path / "other", small_manifest(seed=6), slice(1))
    with pytest.raises(StoreError, match="belongs to another run"):
        folder.read(next(iter(other.present().values())))
    misnamed = folder.add(THREE[1], data)
    with pytest.raises(StoreError, match="other trials"):
        folder.read(misnamed)
    with pytest.raises(StoreError, match="belongs to another run"):
        folder.read(folder.add(THREE[0], b"no Parquet"))
    with pytest.raises(StoreError, match="altered"):
        folder.read(folder.path / MANIFEST)


# Tidying


def test_a_whole_block_replaces_the_partial_one(tmp_path: Path) -> None:
    short, long = small_manifest(trials=130), small_manifest(trials=210)
    small_folder(tmp_path / "run", short)
    extended, changes = start_folder(tmp_path / "run", long)
    assert changes == ["extended from 130 to 210 trials"]
    # Until then it stays: nothing right is thrown away.
    before = contents(extended.path)
    assert extended.tidy() == []
    assert contents(extended.path) == before
    for block in extended.planned()[2:]:
        extended.add(block, block_bytes(long, block))
    assert extended.tidy() == []
    assert contents(extended.path) == contents(small_folder(tmp_path / "whole", long).path)
    assert not rejected(extended.path).exists()


def test_a_run_that_was_overtaken_leaves_the_longer_one_alone(tmp_path: Path) -> None:
    """It ends while another one, begun later, extends the folder."""
    short, long = small_manifest(trials=130), small_manifest(trials=210)
    overtaken = small_folder(tmp_path / "run", short, slice(2))
    longer, _ = start_folder(tmp_path / "run", long)
    for block in longer.planned()[2:]:
        longer.add(block, block_bytes(long, block))
    overtaken.add(THREE[2], block_bytes(short, THREE[2]))
    assert overtaken.tidy() == []
    assert contents(longer.path) == contents(small_folder(tmp_path / "whole", long).path)
    assert not rejected(longer.path).exists()


@pytest.mark.parametrize("other", [small_manifest(seed=6), None], ids=["another run", "no block"])
@pytest.mark.parametrize("block", [Block(100, 120), Block(150, 170), Block(150, 200), Block(3, 5)])
def test_what_is_not_of_this_run_is_set_aside(
    folder: RunFolder, other: Manifest | None, block: Block
) -> None:
    whole = contents(folder.path)
    file = folder.add(block, block_bytes(other, block) if other else b"no block")
    aside = folder.tidy()
    assert aside == [rejected(folder.path) / file.name]
    assert contents(folder.path) == whole


def test_a_block_of_this_run_beyond_its_end_is_set_aside(
    folder: RunFolder, manifest: Manifest
) -> None:
    whole = contents(folder.path)
    folder.add(Block(150, 200), block_bytes(manifest, Block(150, 200)))
    assert len(folder.tidy()) == 1
    assert contents(folder.path) == whole


def test_users_files_and_folders_stay(folder: RunFolder) -> None:
    (folder.path / "notes").mkdir()
    (folder.path / "notes.txt").write_bytes(b"mine")
    (folder.path / ".writing-1-2").write_bytes(b"left behind")
    assert folder.tidy() == []
    names = {file.name for file in folder.path.iterdir()}
    assert names == {"notes", "notes.txt", MANIFEST, *(p.name for p in folder.present().values())}


def test_files_set_aside_keep_their_content(folder: RunFolder) -> None:
    file = folder.present()[THREE[0]]
    for number, data in enumerate((b"a", b"b", b"c")):
        file.write_bytes(data)
        place = folder.set_aside(file)
        assert place.name == file.name + (f".{number}" if number else "")
        assert not file.exists()
    assert {place.read_bytes() for place in rejected(folder.path).iterdir()} == {b"a", b"b", b"c"}
    # Another run may have taken it already.
    folder.set_aside(file)
    assert len(list(rejected(folder.path).iterdir())) == 3


def test_files_are_set_aside_on_another_disk(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> Path:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    file = folder.present()[THREE[0]]
    data = file.read_bytes()
    monkeypatch.setattr(Path, "rename", refuse)
    place = folder.set_aside(file)
    assert place.read_bytes() == data
    assert not file.exists()


def test_a_link_to_a_folder_is_the_folder(folder: RunFolder, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere" / "link"
    link.parent.mkdir()
    link.symlink_to(folder.path)
    assert open_folder(link).rejected == folder.rejected


def test_what_cannot_be_set_aside_is_said(folder: RunFolder) -> None:
    rejected(folder.path).write_bytes(b"a file stands in the way")
    with pytest.raises(StoreError, match=r"run\.rejected: cannot be written"):
        folder.set_aside(folder.present()[THREE[0]])
    assert len(folder.present()) == 3


# Starting and going on


def test_starting_writes_the_manifest_alone(tmp_path: Path, manifest: Manifest) -> None:
    path = tmp_path / "in" / "a" / "new" / "place"
    folder, changes = start_folder(path, manifest)
    assert changes == []
    assert contents(path) == {MANIFEST: manifest.to_bytes()}
    assert open_folder(path) == folder == RunFolder(path, manifest)


def test_going_on_changes_nothing(folder: RunFolder, manifest: Manifest) -> None:
    before = contents(folder.path)
    written = (folder.path / MANIFEST).stat().st_mtime_ns
    again, changes = start_folder(folder.path, manifest)
    assert (again, changes) == (folder, [])
    assert contents(folder.path) == before
    assert (folder.path / MANIFEST).stat().st_mtime_ns == written


def test_relative_paths_become_absolute(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, manifest: Manifest
) -> None:
    monkeypatch.chdir(folder.path.parent)
    assert open_folder(Path("run")).path == folder.path
    assert start_folder(Path("run"), manifest)[0].path == folder.path


def test_an_empty_folder_is_taken(tmp_path: Path, manifest: Manifest) -> None:
    (tmp_path / ".writing-1-2").write_bytes(b"of a run killed at once")
    start_folder(tmp_path, manifest)
    assert (tmp_path / MANIFEST).exists()


def test_another_design_is_taken_for_rows_only(tmp_path: Path) -> None:
    tests = FEATURES["hardly any patients"]["hypotheses"]
    strict = tests | {"across": tests["across"] | {"critical_values": [3.0, 3.0, 3.0]}}
    for keep in ("rows", "summary"):
        before = small_manifest(keep=keep)
        after = small_manifest(keep=keep, hypotheses=strict)
        path = tmp_path / keep
        start_folder(path, before)
        if keep == "rows":
            _, changes = start_folder(path, after)
            assert changes == [
                "the same statistics, judged by another design (levels, critical values)"
            ]
            assert open_folder(path).manifest == after
        else:
            with pytest.raises(RefusedError, match="a summary cannot be judged again") as caught:
                start_folder(path, after)
            assert before.design_hash in str(caught.value)
            assert after.design_hash in str(caught.value)
            assert contents(path) == {MANIFEST: before.to_bytes()}


def test_other_versions_are_told_and_the_first_ones_stay(tmp_path: Path) -> None:
    now = small_manifest()
    before = replace(now, packages=now.packages | {"pyarrow": "17.0.0"})
    start_folder(tmp_path, before)
    folder, changes = start_folder(tmp_path, now)
    assert len(changes) == 1
    assert f"begun with pyarrow 17.0.0, now {now.packages['pyarrow']}: " in changes[0]
    assert folder.manifest.packages["pyarrow"] == "17.0.0"
    assert contents(tmp_path) == {MANIFEST: before.to_bytes()}


@pytest.mark.parametrize(
    ("changed", "words", "given"),
    [
        ({"seed": 6}, "seed: the folder has 5, asked for is 6", 1),
        ({"keep": "summary"}, r"--keep\): the folder has rows, asked for is summary", 1),
        ({"block_trials": 100}, "trials in a block: the folder has 50, asked for is 100", 1),
        (
            {"stream_version": 2},
            "version of the random numbers: the folder has 1, asked for is 2",
            1,
        ),
        ({"trials": 129}, "trials: the folder has 130, asked for are fewer, 129", 1),
        ({"data_hash": "0" * 64}, r"scenario \(hash of all that is simulated\): the folder has", 1),
        ({"seed": 6, "keep": "summary"}, "seed: the folder has 5", 2),
        # Fewer trials of another run are another run.
        ({"seed": 6, "trials": 9}, "seed: the folder has 5", 1),
    ],
)
def test_another_run_is_refused(
    folder: RunFolder, manifest: Manifest, changed: dict[str, object], words: str, given: int
) -> None:
    before = contents(folder.path)
    with pytest.raises(RefusedError, match=words) as caught:
        start_folder(folder.path, Manifest(**vars(manifest) | changed))
    assert str(caught.value).count("holds another run") == given
    assert str(caught.value).count("give another --out") == 1
    assert contents(folder.path) == before


def test_another_schema_of_scenarios_is_refused(folder: RunFolder, manifest: Manifest) -> None:
    newer = replace(manifest, scenario=manifest.scenario | {"schema_version": 2})
    with pytest.raises(RefusedError, match="schema version: the folder has 1, asked for is 2"):
        start_folder(folder.path, newer)


def test_places_of_other_things_are_refused(tmp_path: Path, manifest: Manifest) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_bytes(b"mine")
    with pytest.raises(RefusedError, match=r"it holds thesis\.tex\); give another --out"):
        start_folder(tmp_path / "full", manifest)
    with pytest.raises(RefusedError, match="is a file, not a folder"):
        start_folder(tmp_path / "full" / "thesis.tex", manifest)
    with pytest.raises(StoreError, match="cannot be written: Not a directory"):
        start_folder(tmp_path / "full" / "thesis.tex" / "run", manifest)
    with pytest.raises(StoreError, match="cannot be written: File name too long"):
        start_folder(tmp_path / ("x" * 300), manifest)
    with pytest.raises(StoreError, match="cannot be written"):
        start_folder(Path("/proc/run"), manifest)
    assert contents(tmp_path / "full") == {"thesis.tex": b"mine"}
    assert [file.name for file in tmp_path.iterdir()] == ["full"]


@contextmanager
def without_rights(folder: Path, mode: int) -> Iterator[None]:
    """Take away rights to a folder; root, who has all, becomes nobody for the time."""
    user = os.geteuid()
    folder.chmod(mode)
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
        folder.chmod(0o700)


def test_places_without_rights(tmp_path: Path, manifest: Manifest) -> None:
    home = tmp_path / "home"
    home.mkdir()
    small_folder(home / "run", manifest, slice(1))
    before = contents(home / "run")
    with without_rights(home, 0o000):
        for path in (home / "new", home / "run"):
            with pytest.raises(StoreError, match="cannot be written: Permission denied"):
                start_folder(path, manifest)
            with pytest.raises(StoreError, match="cannot be read: Permission denied"):
                open_folder(path)
    assert contents(home / "run") == before


def test_no_run_folder_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path, tmp_path / "nowhere", tmp_path / "file"):
        with pytest.raises(RefusedError, match=r"is no run folder: it has no manifest\.json"):
            open_folder(path)


def test_a_damaged_manifest_is_named(folder: RunFolder, manifest: Manifest) -> None:
    file = folder.path / MANIFEST
    file.write_bytes(file.read_bytes()[:-1])
    damaged = contents(folder.path)
    for use in (lambda: open_folder(folder.path), lambda: start_folder(folder.path, manifest)):
        with pytest.raises(StoreError, match="truncated or altered") as caught:
            use()
        assert str(caught.value).startswith(f"{file}: ")
    assert contents(folder.path) == damaged


# Two at once


def test_a_run_that_starts_at_the_same_moment_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both find no manifest; the first to write it decides."""
    make = module._make

    def overtaken(path: Path) -> None:
        make(path)
        monkeypatch.setattr(module, "_make", make)
        start_folder(path, small_manifest(trials=210))

    monkeypatch.setattr(module, "_make", overtaken)
    with pytest.raises(RefusedError, match="asked for are fewer"):
        start_folder(tmp_path / "run", small_manifest(trials=130))
    assert open_folder(tmp_path / "run").manifest.trials == 210


@pytest.mark.parametrize("attempt", range(5))
def test_of_many_that_start_at_once_one_makes_the_folder(tmp_path: Path, attempt: int) -> None:
    manifests = [small_manifest(seed=seed) for seed in range(6)]
    together = threading.Barrier(len(manifests))
    outcomes: list[str] = []

    def begin(manifest: Manifest) -> None:
        together.wait()
        try:
            start_folder(tmp_path / "run", manifest)
        except RefusedError:
            outcomes.append("refused")
        else:
            outcomes.append("made")

    threads = [threading.Thread(target=begin, args=(manifest,)) for manifest in manifests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made"] + ["refused"] * 5
    assert open_folder(tmp_path / "run").manifest in manifests


def test_free_bytes_of_places_to_come(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "not" / "yet") > 0
