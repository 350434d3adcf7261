"""simulate status and show of study folders: whole, interrupted, shared out, damaged, older."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from reproducibility.stored_runs import (
    ROOT,
    SCENARIO,
    Ended,
    assert_one_clear_message,
    in_process,
)
from reproducibility.test_study_folders import tree

import simulate
from simulate.api import Counts, study_shard
from simulate.runner.folder import MANIFEST, STUDY_MANIFEST
from simulate.studies.folder import CSV, PARQUET

# Two blocks a cell; cells of one ratio differ in their design alone.
STUDY = """
[study]
reference = { ratio = 0.6, alpha = 0.01 }
horizon_months = 12
[study.axes.ratio]
path = "arms.new.pfs.hazard_ratio"
values = [0.6, 1.0]
[study.axes.alpha]
path = "hypotheses.pfs.alpha"
values = [0.025, 0.01]
"""
TRIALS = 30_000
FIRST, SECOND, THIRD, LAST = (f"ratio={r},alpha={a}" for r in ("0.6", "1") for a in (0.025, 0.01))
SHARDS = 3


@pytest.fixture(name="file", scope="module")
def _file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("study") / "study.toml"
    file.write_text(SCENARIO.replace("50_000", str(TRIALS)) + STUDY, encoding="utf-8")
    return file


@pytest.fixture(name="whole", scope="module")
def _whole(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "out"
    simulate.study(file, out=out, workers=1)
    return out


@pytest.fixture(name="out")
def _out(whole: Path, tmp_path: Path) -> Path:
    """A finished study folder, to be damaged."""
    shutil.copytree(whole, tmp_path / "out")
    return tmp_path / "out"


def study(file: Path, out: Path, *options: object) -> Ended:
    return in_process("study", file, "--out", out, "--workers", 1, *options)


def show(out: Path, *options: object) -> Ended:
    return in_process("show", out, "--workers", 1, "--quiet", *options)


def status(out: Path) -> tuple[int, dict[str, Any]]:
    """Exit code, and what it tells as JSON."""
    ended = in_process("status", out, "--json")
    assert ended.stderr == ""
    return ended.code, json.loads(ended.stdout)


def by_cell(found: dict[str, Any], key: str) -> list[Any]:
    return [cell[key] for cell in found["cells"]]


def blocks(out: Path, cell: str) -> list[Path]:
    return sorted((out / "cells" / cell).glob("trials-*.parquet"))


def rewrite(out: Path, changed: dict[str, Any]) -> None:
    """Write a manifest with a right SHA-256."""
    changed.pop("sha256", None)
    text = json.dumps(changed, indent=1, ensure_ascii=False) + "\n"
    changed["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    text = json.dumps(changed, indent=1, ensure_ascii=False) + "\n"
    (out / STUDY_MANIFEST).write_text(text, encoding="utf-8")


def manifest(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / STUDY_MANIFEST).read_bytes())
    return found


def make_older(out: Path) -> None:
    """Make the manifest that version 1 of the format had."""
    older = manifest(out) | {"format_version": 1}
    for key in ("block_trials", "scenario"):
        del older[key]
    for cell in older["cells"]:
        del cell["null_holds"], cell["scenario"]
    rewrite(out, older)


# Whole


def test_show_prints_what_study_printed(file: Path, out: Path) -> None:
    for option in ((), ("--json",), ("--csv",)):
        printed = study(file, out, "--quiet", *option)
        asked = ("--format", "csv") if option == ("--csv",) else option
        before = tree(out)
        shown = show(out, *asked)
        assert (shown.code, shown.stderr) == (0, "")
        assert shown.stdout == printed.stdout
        assert tree(out) == before
    assert shown.stdout.encode() == (out / CSV).read_bytes()
    assert "rejection_probability_difference" in shown.stdout
    assert "not_decided_by_horizon" in shown.stdout


def test_show_draws_the_study(out: Path, tmp_path: Path) -> None:
    figure, tornado = tmp_path / "power.png", tmp_path / "tornado.png"
    ended = in_process("show", out, "--figure", figure, "--tornado", tornado)
    assert ended.code == 0
    assert f"drawn: {figure}\ndrawn: {tornado}" in ended.stderr
    for picture in (figure, tornado):
        assert picture.read_bytes().startswith(b"\x89PNG")


def test_status_of_a_finished_study(out: Path) -> None:
    ended = in_process("status", out)
    assert (ended.code, ended.stderr) == (0, "")
    lines = ended.stdout.splitlines()
    size = sum(len(data) for name, data in tree(out).items() if "/trials-" in name)
    assert lines[:3] == [
        "Hardly any patients",
        "4 cells, seed 7, 30,000 trials a cell, keeps rows",
        f"8 of 8 blocks, {size / 1e6:.3g} MB",
    ]
    assert [line.split() for line in lines[6:10]] == [
        [cell, "2", "2"] for cell in (FIRST, SECOND, THIRD, LAST)
    ]
    assert lines[4].split() == ["cell", "blocks", "there"]
    assert lines[-1] == f"all there: simulate show {out}"
    code, found = status(out)
    assert code == 0
    assert (found["format"], found["format_version"]) == ("simulate-study-status", 1)
    assert (found["trials"], found["seed"], found["keep"]) == (TRIALS, 7, "rows")
    assert (found["blocks_planned"], found["blocks_present"], found["bytes"]) == (8, 8, size)


def test_summaries_are_told_and_shown(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    text = file.read_text(encoding="utf-8")
    plain = tmp_path / "plain.toml"
    for line in ("reference = { ratio = 0.6, alpha = 0.01 }\n", "horizon_months = 12\n"):
        text = text.replace(line, "")
    plain.write_text(text, encoding="utf-8")
    printed = study(plain, out, "--keep", "summary", "--quiet")
    assert printed.code == 0, printed.stderr
    assert show(out).stdout == printed.stdout
    blocks(out, FIRST)[0].unlink()
    shutil.rmtree(out / "cells" / LAST)
    code, found = status(out)
    # Sums are of tests as judged: no other cell has them.
    assert (code, found["keep"], found["blocks_missing"]) == (1, "summary", 3)
    assert by_cell(found, "blocks_before") == [0, 2, 4, 6]
    edited = manifest(out)
    edited["cells"][0]["design_hash"] = edited["cells"][1]["design_hash"]
    rewrite(out, edited)
    assert "design (hash of levels" in status(out)[1]["cells"][0]["wrong"]


# Shared out and interrupted


def test_shards_are_told_cell_by_cell_and_shown_when_all_are_done(
    file: Path, whole: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done: set[int] = set()
    for number in (3, 1, 2):
        study_shard(file, out, simulate.Shard(number, SHARDS), workers=1)
        done.add(number)
        code, found = status(out)
        missing = {
            (cell["blocks_before"] + start // found["block_trials"]) % SHARDS + 1
            for cell in found["cells"]
            if cell["blocks_before"] is not None
            for start, _ in cell["missing"]
        }
        assert missing == {1, 2, 3} - done
        assert code == (1 if missing else 0)
    assert by_cell(found, "blocks_before") == [0, None, 2, None]
    assert by_cell(found, "blocks_present") == [2, 0, 2, 0]
    assert by_cell(found, "blocks_elsewhere") == [0, 2, 0, 2]
    assert not (out / CSV).exists()
    assert "4 of them in the folder of another cell" in in_process("status", out).stdout
    before = tree(out)
    assert show(out) == show(whole)
    assert tree(out) == before


def test_the_last_shard_says_that_all_is_there(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = study(file, out, "--shard", "1/2", "--quiet")
    assert first.stdout.splitlines()[1] == f"4 of 8 blocks are still missing in {out}"
    last = study(file, out, "--shard", "2/2", "--quiet")
    assert last.stdout.splitlines()[1].startswith(f"all blocks are there: simulate show {out}")


def test_an_interrupted_study_is_told_and_not_shown(
    file: Path, whole: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"

    def interrupt(n: int) -> None:
        if len(list(out.rglob("trials-*.parquet"))) == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate.study(file, out=out, workers=1, progress=interrupt)
    ended = in_process("status", out)
    assert ended.code == 1
    # The reference goes first, and its block will serve the cell that differs in alpha alone.
    assert ", 1 of them in the folder of another cell with the same data, 6 missing" in ended.stdout
    rows = [line.split() for line in ended.stdout.splitlines()[6:10]]
    assert rows == [
        [FIRST, "2", "0", "1", "1"],
        [SECOND, "2", "1", "1"],
        [THIRD, "2", "0", "2"],
        [LAST, "2", "0", "2"],
    ]
    assert ended.stdout.splitlines()[-1].startswith("the same simulate study command goes on")
    refused = show(out)
    assert_one_clear_message(
        refused,
        1,
        f"6 of 8 blocks are missing, in 4 of 4 cells ({FIRST}; {SECOND}; {THIRD}; …)",
        "simulate study goes on with them",
        "simulate show --partial",
    )
    partial = show(out, "--partial")
    assert "partial: 80,000 of 120,000 planned trials are missing" in partial.stdout
    assert f"2 cells have no trials yet and are left out: {THIRD}; {LAST}" in partial.stdout
    assert [line.split()[:3] for line in partial.stdout.splitlines() if "(0.0" in line] == [
        ["0.6", "0.025", "20,000"],
        ["0.6", "0.01", "20,000"],
    ]
    simulate.study(file, out=out, workers=1)
    assert tree(out) == tree(whole)


def test_a_part_of_a_study_is_that_of_its_trials(file: Path, out: Path) -> None:
    """Differences only where cells have the trials of the reference."""
    last = blocks(out, THIRD)[1], blocks(out, LAST)[1]
    for path in last:
        path.unlink()
    found = simulate.load_study(out, partial=True, workers=1)
    assert found.n_missing == 2 * 10_000
    few = simulate.study(file, trials=20_000, workers=1)
    difference = "rejection_probability_difference"
    for name in (THIRD, LAST):
        (mine,) = (cell for cell in found.cells if cell.cell.name == name)
        (own,) = (cell for cell in few.cells if cell.cell.name == name)
        assert mine.power() == own.power()
        assert any(row.measure == difference for row in own.rows)
        assert not any(row.measure == difference for row in mine.rows)
    assert any(row.measure == difference for row in found.cells[0].rows)
    plain = found.to_json()
    assert [cell["trials"] for cell in plain["cells"]] == [TRIALS, TRIALS, 20_000, 20_000]
    assert plain["trials"] == TRIALS


def test_a_part_without_its_reference(out: Path) -> None:
    for name in (FIRST, SECOND):
        shutil.rmtree(out / "cells" / name)
    found = simulate.load_study(out, partial=True, workers=1)
    assert [cell.cell.name for cell in found.cells] == [THIRD, LAST]
    assert "2 cells have no trials yet" in show(out, "--partial").stdout


def test_nothing_cannot_be_shown(file: Path, out: Path) -> None:
    shutil.rmtree(out / "cells")
    for option in ((), ("--partial",)):
        ended = show(out, *option)
        assert_one_clear_message(ended, 1, "8 of 8 blocks are missing, in 4 of 4 cells")
        assert "--partial" not in ended.stderr
    assert status(out)[1]["blocks_missing"] == 8


def test_a_study_about_to_be_extended_has_nothing_unusable(file: Path, out: Path) -> None:
    def interrupt(n: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate.study(file, out=out, workers=1, trials=45_000, progress=interrupt)
    code, found = status(out)
    assert (code, found["trials"], found["blocks_planned"]) == (1, 45_000, 12)
    assert [cell["missing"][0] for cell in found["cells"]] == [[20_000, 40_000]] * 4
    assert by_cell(found, "unusable") == [[]] * 4
    assert by_cell(found, "wrong") == [""] * 4


# What does not belong there


def test_what_does_not_belong_is_named(out: Path) -> None:
    (out / "cells" / FIRST / "notes.txt").write_bytes(b"mine")
    strange = blocks(out, FIRST)[0]
    other = strange.with_name(
        strange.name.replace("00000000000-00000020000", "1" * 11 + "-" + "2" * 11)
    )
    strange.rename(other)
    (out / "cells" / "ratio=7").mkdir()
    (out / "cells" / f"{FIRST}.rejected").mkdir()
    ended = in_process("status", out)
    assert ended.code == 1
    assert "8 of 8 blocks" in ended.stdout  # the other design has it
    assert f"not of this study: cells/{FIRST}/{other.name}" in ended.stdout
    assert f"does not belong here: cells/{FIRST}/notes.txt" in ended.stdout
    assert "a cell of none of this study's, which stays: ratio=7" in ended.stdout
    assert f"set aside in {out}/cells/{FIRST}.rejected" in ended.stdout
    _, found = status(out)
    assert found["cells"][0]["unusable"] == [other.name]
    assert found["cells"][0]["strange"] == ["notes.txt"]
    assert found["strays"] == ["ratio=7"]


def test_strays_alone_do_not_make_a_study_incomplete(out: Path) -> None:
    (out / "cells" / "ratio=7").mkdir()
    assert status(out)[0] == 0


def test_a_damaged_block_is_named_by_show(file: Path, whole: Path, out: Path) -> None:
    damaged = blocks(out, THIRD)[1]
    damaged.write_bytes(damaged.read_bytes()[:-1])
    before = tree(out)
    for option in ((), ("--partial",)):
        ended = show(out, *option)
        assert_one_clear_message(ended, 1, f"{damaged}: truncated or altered")
        assert ended.stdout == ""
    assert tree(out) == before
    counts = Counts()
    simulate.study(file, out=out, workers=1, counts=counts)
    assert counts.simulated == 1
    assert show(out) == show(whole)


def test_the_manifest_of_a_cell_is_damaged(out: Path) -> None:
    (out / "cells" / FIRST / MANIFEST).write_bytes(b"{")
    code, found = status(out)
    assert code == 1
    assert "the manifest was truncated or altered" in found["cells"][0]["wrong"]
    assert [len(cell) for cell in by_cell(found, "unusable")] == [2, 0, 0, 0]
    assert [len(cell) for cell in by_cell(found, "missing")] == [2, 0, 0, 0]
    assert ", 2 missing, 2 unusable" in in_process("status", out).stdout
    for option in ((), ("--partial",)):
        ended = show(out, *option)
        assert_one_clear_message(ended, 1, f"cells/{FIRST}/{MANIFEST}: the manifest was truncated")


def test_a_cell_without_a_manifest_has_nothing_usable(out: Path) -> None:
    (out / "cells" / LAST / MANIFEST).unlink()
    code, found = status(out)
    assert code == 1
    # The other design has the same blocks.
    assert by_cell(found, "blocks_elsewhere") == [0, 0, 0, 2]
    assert [len(cell) for cell in by_cell(found, "unusable")] == [0, 0, 0, 2]


def test_a_cell_of_another_run_is_told_and_refused(file: Path, out: Path) -> None:
    for name in (SECOND, LAST):
        shutil.rmtree(out / "cells" / name)
        simulate.run(file, out=out / "cells" / name, trials=TRIALS, seed=8, workers=1)
    words = f"{out / 'cells' / SECOND}: holds another run: seed: the folder has 8, the study 7"
    code, found = status(out)
    assert code == 1
    assert by_cell(found, "wrong")[::2] == ["", ""]
    assert by_cell(found, "wrong")[1] == words
    assert "scenario (hash of all that is simulated)" in by_cell(found, "wrong")[3]
    assert [len(cell) for cell in by_cell(found, "unusable")] == [0, 2, 0, 2]
    assert words in in_process("status", out).stdout
    assert_one_clear_message(show(out), 1, words, "1 more cells cannot be used")


# The manifest of the study


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda text: text[:-3], "it is not JSON"),
        (lambda text: text.replace('"seed": 7', '"seed": 8'), "it does not have its SHA-256"),
        (lambda text: text.replace("simulate-study-folder", "x"), "not that of a study folder"),
        (lambda text: "[]", "it is not that of a study folder"),
    ],
)
def test_a_damaged_manifest_is_refused_and_written_anew(
    file: Path, whole: Path, out: Path, damage: Any, words: str
) -> None:
    path = out / STUDY_MANIFEST
    path.write_text(damage(path.read_text(encoding="utf-8")), encoding="utf-8")
    for verb in ("status", "show"):
        ended = in_process(verb, out)
        assert_one_clear_message(ended, 1, f"{path}: was truncated or altered: ", words)
    counts = Counts()
    simulate.study(file, out=out, workers=1, counts=counts)
    assert counts.simulated == 0
    assert counts.changes == [f"{STUDY_MANIFEST} was truncated or altered, and is written anew"]
    assert tree(out) == tree(whole)


def test_a_newer_folder_is_refused_and_left_alone(file: Path, out: Path) -> None:
    rewrite(out, manifest(out) | {"format_version": 3})
    before = tree(out)
    words = (f"{out / STUDY_MANIFEST}: has format version 3, this is simulate ", "version 2")
    for ended in (show(out), in_process("status", out), study(file, out, "--quiet")):
        assert_one_clear_message(ended, 2, *words)
    assert tree(out) == before


def test_an_older_folder_is_told_and_shown_after_one_more_run(
    file: Path, whole: Path, out: Path
) -> None:
    make_older(out)
    blocks(out, FIRST)[0].unlink()
    told = in_process("status", out)
    assert told.code == 0
    assert "8 of 8 blocks" in told.stdout
    assert "format version 1 holds no scenarios: simulate show needs" in told.stdout
    assert "all there" not in told.stdout
    before = tree(out)
    words = f"{out / STUDY_MANIFEST}: has format version 1, which holds no scenarios: run the same"
    assert_one_clear_message(show(out), 1, words)
    assert tree(out) == before
    tables = {name: (out / name).stat().st_ino for name in (CSV, PARQUET)}
    again = study(file, out, "--shard", "1/1")
    assert "study.json had format version 1: it now holds the scenarios" in again.stderr
    assert "another study" not in again.stderr
    # The table is still that of this study.
    assert {name: (out / name).stat().st_ino for name in tables} == tables
    assert show(out) == show(whole)
    assert tree(out) == tree(whole)


def test_an_older_folder_of_another_study_loses_its_table(file: Path, out: Path) -> None:
    make_older(out)
    ended = study(file, out, "--shard", "1/1", "--set", "title='Other'")
    assert "another study than before" in ended.stderr
    assert not (out / CSV).exists()


def test_scenarios_that_are_not_those_of_the_hashes_are_refused(out: Path) -> None:
    altered = manifest(out)
    altered["cells"][2]["scenario"]["arms"]["new"]["pfs"]["hazard_ratio"] = 0.9
    rewrite(out, altered)
    assert_one_clear_message(
        show(out), 1, f"was truncated or altered: the scenario of the cell {THIRD} does not have"
    )
    altered["scenario"]["accrual"]["patients"] = -1
    rewrite(out, altered)
    assert_one_clear_message(show(out), 1, f"{out / STUDY_MANIFEST}: holds a scenario that cannot")
    del altered["title"]
    rewrite(out, altered)
    assert_one_clear_message(show(out), 1, "its keys are not those of a study folder's manifest")


# Options


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--looks", "x.png"), "--looks is for run folders: the cells of a study are such"),
        (("--format", "markdown"), "a study has no --format markdown: give table, json or csv"),
        (("--partial", "--figure", "x.png"), "a picture of a study needs all its cells"),
        (("--partial", "--tornado", "x.png"), "a picture of a study needs all its cells"),
        (("--figure", "x.jpg"), "--figure: must end in .png, .svg or .pdf"),
        (("--tornado", "x.jpg"), "--tornado: must end in .png, .svg or .pdf"),
        (("--figure", "x.png", "--tornado", "x.png"), "must be different files"),
        (("--workers", "0"), "workers: must be a whole number of at least 1"),
    ],
)
def test_options_that_show_refuses_of_a_study(
    whole: Path, options: tuple[str, ...], words: str
) -> None:
    ended = in_process("show", whole, *options)
    assert_one_clear_message(ended, 2, words)
    assert ended.stdout == ""


def test_a_tornado_is_for_studies(whole: Path) -> None:
    ended = in_process("show", whole / "cells" / FIRST, "--tornado", "x.png")
    assert_one_clear_message(ended, 2, "--tornado is for study folders")


def test_what_is_no_study_folder_is_refused_in_python(tmp_path: Path) -> None:
    with pytest.raises(simulate.RefusedError, match=r"is no study folder: it has no study.json"):
        simulate.load_study(tmp_path)


def test_of_many_cells_those_that_lack_something_are_printed(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ratios = ",".join(str(0.5 + k / 100) for k in range(51))
    options = ("--trials", "100", "--set", f"study.axes.ratio.values=[{ratios}]")
    done = study(file, out, *options, "--set", "study.axes.alpha.values=[0.01]", "--quiet")
    assert done.code == 0, done.stderr
    assert len(in_process("status", out).stdout.splitlines()) == 4
    blocks(out, "ratio=0.51,alpha=0.01")[0].unlink()
    lines = in_process("status", out).stdout.splitlines()
    assert lines[6].split() == ["ratio=0.51,alpha=0.01", "1", "0", "1"]
    assert lines[7] == "50 more cells: --json lists all"


def test_status_is_one_documented_object(whole: Path) -> None:
    _, found = status(whole)
    page = (ROOT / "docs" / "json-output.md").read_text(encoding="utf-8")
    section = page.split("## simulate status of a study")[1].split("\n## ")[0]
    for key in (*found, *found["cells"][0]):
        assert f"`{key}`" in section, key
