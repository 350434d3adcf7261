"""Study folders: interrupted, shared, extended, changed; the bytes are always the same."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from reproducibility.stored_runs import SCENARIO

import simulate
from simulate.api import Counts, study_shard
from simulate.errors import RefusedError, StoreError
from simulate.runner.folder import STUDY_MANIFEST as MANIFEST
from simulate.runner.folder import open_folder
from simulate.studies.folder import CSV, PARQUET

# Two of the four cells differ from the others in alpha alone. Two blocks a cell.
STUDY = """
[study]
[study.axes.ratio]
path = "arms.new.pfs.hazard_ratio"
values = [0.6, 1.0]
[study.axes.alpha]
path = "hypotheses.pfs.alpha"
values = [0.025, 0.01]
"""
N_BLOCKS = 8
FIRST = "ratio=0.6,alpha=0.025"
Edit = Callable[[str], str]


def write(folder: Path, *changes: tuple[str, str]) -> Path:
    text = SCENARIO.replace("50_000", "30_000") + STUDY
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file = folder / f"study-{len(list(folder.iterdir()))}.toml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.fixture(name="file", scope="module")
def _file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("study"))


@pytest.fixture(name="whole", scope="module")
def _whole(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undisturbed study in one process."""
    out = tmp_path_factory.mktemp("whole") / "out"
    simulate.study(file, out=out, workers=1)
    return out


def tree(folder: Path) -> dict[str, bytes]:
    """Every file of a study folder by its path, hidden ones too."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def counted(file: Path, out: Path, **options: Any) -> Counts:
    counts = Counts()
    simulate.study(file, out=out, workers=1, counts=counts, **options)
    return counts


def test_a_folder_holds_a_run_folder_a_cell_and_the_table(whole: Path) -> None:
    assert sorted(f.name for f in whole.iterdir()) == ["cells", CSV, MANIFEST, PARQUET]
    cells = sorted((whole / "cells").iterdir())
    assert [cell.name for cell in cells] == [
        "ratio=0.6,alpha=0.01",
        FIRST,
        "ratio=1,alpha=0.01",
        "ratio=1,alpha=0.025",
    ]
    for cell in cells:
        folder = open_folder(cell)
        assert sorted(folder.present()) == folder.planned()
        assert folder.strange() == []
        assert simulate.verify(cell, blocks=1).wrong == []


def test_a_cell_has_the_files_of_a_run_of_its_own(whole: Path, tmp_path: Path) -> None:
    file = write(tmp_path, (STUDY, ""), ("alpha = 0.025", "alpha = 0.01"))
    simulate.run(file, out=tmp_path / "run", workers=1)
    cell = whole / "cells" / "ratio=0.6,alpha=0.01"
    mine, own = tree(cell), tree(tmp_path / "run")
    # The manifests differ in the title, which names the cell.
    manifests = [json.loads(files.pop("manifest.json")) for files in (mine, own)]
    assert mine == own
    assert manifests[0]["scenario"]["title"] == f"Hardly any patients [{cell.name}]"
    for manifest in manifests:
        del manifest["sha256"], manifest["scenario"]["title"]
    assert manifests[0] == manifests[1]


@pytest.mark.parametrize("after", [1_000, 25_000, 65_000])
def test_an_interrupted_study_goes_on_to_the_same_bytes(
    file: Path, whole: Path, tmp_path: Path, after: int
) -> None:
    done = 0

    def interrupt(n: int) -> None:
        nonlocal done
        done += n
        if done >= after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate.study(file, out=tmp_path / "out", workers=1, progress=interrupt)
    assert not (tmp_path / "out" / CSV).exists()
    there = len(list((tmp_path / "out").rglob("trials-*.parquet")))
    counts = counted(file, tmp_path / "out")
    assert tree(tmp_path / "out") == tree(whole)
    # Of cells that differ in alpha alone one is simulated, the other has copies.
    assert counts.simulated <= N_BLOCKS // 2
    assert counts.found >= N_BLOCKS // 2
    assert (counts.simulated == N_BLOCKS // 2) == (there == 0)


@pytest.mark.slow
def test_any_number_of_workers_gives_the_same_bytes(
    file: Path, whole: Path, tmp_path: Path
) -> None:
    trials = 90_000
    folders = []
    for workers in (1, 2):
        out = tmp_path / str(workers)
        simulate.study(file, out=out, workers=workers, trials=trials)
        folders.append(tree(out))
    assert folders[0] == folders[1]
    assert len(folders[0]) > len(tree(whole))


def test_shards_in_any_order_give_the_same_bytes(file: Path, whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    simulated = []
    for number in (3, 1, 2):
        counts = Counts()
        folder = study_shard(file, out, simulate.Shard(number, 3), workers=1, counts=counts)
        simulated.append(counts.simulated)
        assert not (out / CSV).exists()
    assert simulated == [1, 2, 1]
    assert folder.n_blocks() == (N_BLOCKS // 2, N_BLOCKS)
    counts = counted(file, out)
    assert (counts.simulated, counts.found) == (0, N_BLOCKS)
    assert tree(out) == tree(whole)


def test_a_finished_study_is_read_and_not_simulated(
    file: Path, whole: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(whole, out)
    counts = counted(file, out)
    assert (counts.simulated, counts.found, counts.changes) == (0, N_BLOCKS, [])
    assert tree(out) == tree(whole)
    in_memory, stored = simulate.study(file, workers=1), simulate.study(file, out=out, workers=1)
    assert repr(in_memory.table) == repr(stored.table)


def test_an_extended_study_is_that_of_all_trials(file: Path, whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(whole, out)
    counts = counted(file, out, trials=45_000)
    assert any("another study than before" in line for line in counts.changes)
    assert any(line == f"{FIRST}: extended from 30,000 to 45,000 trials" for line in counts.changes)
    simulate.study(file, out=tmp_path / "fresh", workers=1, trials=45_000)
    assert tree(out) == tree(tmp_path / "fresh")


def test_a_changed_grid_keeps_cells_and_names_what_does_not_belong(
    whole: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(whole, out)
    changed = write(tmp_path, ("values = [0.6, 1.0]", "values = [0.6, 0.8]"))
    done = 0

    def interrupt(n: int) -> None:
        nonlocal done
        done += n
        if done > 65_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate.study(changed, out=out, workers=1, progress=interrupt)
    # The old table would be taken for that of this grid.
    assert not (out / CSV).exists()
    assert not (out / PARQUET).exists()
    counts = counted(changed, out)
    assert counts.simulated <= 2
    (line,) = [line for line in counts.changes if "none of this study" in line]
    assert line.startswith("2 cells in cells are none of this study; they stay")
    assert line.endswith("ratio=1,alpha=0.01, ratio=1,alpha=0.025")
    fresh = tmp_path / "fresh"
    simulate.study(changed, out=fresh, workers=1)
    mine = tree(out)
    strays = {name for name in mine if name.startswith("cells/ratio=1,")}
    assert {name: data for name, data in mine.items() if name not in strays} == tree(fresh)
    assert {name: mine[name] for name in strays} == {n: tree(whole)[n] for n in strays}


def test_cells_that_were_named_otherwise_are_not_simulated_again(
    whole: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(whole, out)
    renamed = write(tmp_path, ("study.axes.ratio", "study.axes.hazard"))
    counts = counted(renamed, out)
    assert (counts.simulated, counts.found) == (0, N_BLOCKS)
    simulate.study(renamed, out=tmp_path / "fresh", workers=1)
    assert tree(out / "cells" / "hazard=1,alpha=0.01") == tree(
        tmp_path / "fresh" / "cells" / "hazard=1,alpha=0.01"
    )


@pytest.mark.parametrize(
    ("changes", "options", "rule"),
    [
        ((), {"seed": 8}, "holds another run: seed: the folder has 7, asked for is 8"),
        ((), {"trials": 20_000}, "asked for are fewer, 20,000"),
        ((), {"keep": "summary"}, "what is kept"),
        ((("patients = 8", "patients = 9"),), {}, "scenario (hash of all that is simulated)"),
    ],
)
def test_other_runs_are_refused_before_anything_is_touched(
    whole: Path, tmp_path: Path, changes: Any, options: dict[str, Any], rule: str
) -> None:
    out = tmp_path / "out"
    shutil.copytree(whole, out)
    with pytest.raises(RefusedError) as caught:
        simulate.study(write(tmp_path, *changes), out=out, workers=1, **options)
    assert rule in str(caught.value)
    assert "3 more cells hold other runs" in str(caught.value)
    assert tree(out) == tree(whole)


def test_folders_of_something_else_are_refused(file: Path, whole: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(RefusedError, match=r"no study folder \(it holds thesis.txt\)"):
        simulate.study(file, out=tmp_path / "other", workers=1)
    with pytest.raises(RefusedError, match="is a run folder, not that of a study"):
        simulate.study(file, out=whole / "cells" / FIRST, workers=1)
    with pytest.raises(RefusedError, match="is a file, not a folder"):
        simulate.study(file, out=tmp_path / "other" / "thesis.txt", workers=1)
    with pytest.raises(RefusedError, match="is the folder of a study"):
        simulate.load_run(whole)


def test_a_damaged_block_is_set_aside_and_made_again(
    file: Path, whole: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(whole, out)
    cell = out / "cells" / FIRST
    block = sorted(cell.glob("trials-*.parquet"))[1]
    block.write_bytes(block.read_bytes()[:-1])
    counts = counted(file, out)
    assert counts.simulated == 1
    assert len(counts.complaints) == 1
    assert counts.complaints[0].startswith(f"{FIRST}: ")
    aside = out / "cells" / f"{FIRST}.rejected"
    assert [f.name for f in aside.iterdir()] == [block.name]
    shutil.rmtree(aside)
    assert tree(out) == tree(whole)


def test_a_full_disk_is_told_before_anything_is_written(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import simulate.api.blocks as module

    monkeypatch.setattr(module, "free_bytes", lambda path: 10_000_000)
    with pytest.raises(StoreError, match="are needed there, and 10 MB are free"):
        simulate.study(file, out=tmp_path / "out", workers=1, trials=100_000)
    assert not (tmp_path / "out").exists()


def test_sums_are_kept_a_cell_each(file: Path, tmp_path: Path) -> None:
    counts = Counts()
    found = simulate.study(
        file, out=tmp_path / "sums", workers=1, trials=20_000, keep="summary", counts=counts
    )
    assert (counts.simulated, counts.found) == (4, 0)
    # No cell has tried the sums of another design.
    assert (counts.complaints, counts.changes) == ([], [])
    rows = simulate.study(file, workers=1, trials=20_000)
    assert [c.power() for c in found.cells] == [c.power() for c in rows.cells]
    assert found.cells[0].power().value > found.cells[1].power().value
