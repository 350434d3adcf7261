"""simulate compare as its users meet it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest
from cli.commands import BASE, ROOT, simulate

RATIO = "arms.belzutifan.pfs.hazard_ratio"


def stored(path: Path, *options: str) -> str:
    done = simulate("run", BASE, "--out", str(path), "--quiet", *options)
    assert done.returncode == 0, done.stderr
    return str(path)


class Folders(NamedTuple):
    base: str
    worse: str
    other_seed: str
    summary: str


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    path = tmp_path_factory.mktemp("runs")
    return Folders(
        base=stored(path / "base", "--trials", "1500"),
        worse=stored(path / "worse", "--trials", "2000", "--set", f"{RATIO}=0.6"),
        other_seed=stored(path / "seed", "--trials", "10", "--seed", "16"),
        summary=stored(path / "summary", "--trials", "10", "--keep", "summary"),
    )


def test_text_says_what_differs_and_by_how_much(folders: Folders) -> None:
    done = simulate("compare", folders.base, folders.worse)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = {" ".join(line.split()) for line in done.stdout.splitlines()}
    assert "1,500 trials of both, paired by their numbers, seed 15" in lines
    assert f"{RATIO} 0.55 0.6" in lines
    assert any(line.startswith("rejected by now 0.7") for line in lines)
    assert any(line.startswith("trials that reject: in both ") for line in lines)


def test_json_is_one_documented_object(folders: Folders) -> None:
    done = simulate("compare", folders.base, folders.worse, "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert (found["format"], found["trials"], found["seed"]) == ("simulate-compare", 1500, 15)
    assert found["settings"] == [{"path": RATIO, "a": 0.55, "b": 0.6}]
    first = found["differences"][0]
    assert first["measure"] == "rejection_probability"
    assert first["difference"] < -4 * first["mcse"]
    assert first["variance_ratio"] > 2.0
    page = (ROOT / "docs" / "json-output.md").read_text(encoding="utf-8")
    section = page.split("## simulate compare", 1)[1]
    keys = {*found, *found["a"], *found["settings"][0], *first, *found["rejections"][0]}
    keys |= {"run"}  # of the objects of "unpaired", of which there are none here
    assert not [key for key in keys if f"`{key}`" not in section]


def test_the_order_turns_the_sign(folders: Folders) -> None:
    one, other = (
        json.loads(simulate("compare", *pair, "--json").stdout)["differences"]
        for pair in ((folders.base, folders.worse), (folders.worse, folders.base))
    )
    assert [row["difference"] for row in one] == [-row["difference"] for row in other]
    assert [row["mcse"] for row in one] == [row["mcse"] for row in other]


def test_runs_that_cannot_be_paired_are_bad_input(folders: Folders, tmp_path: Path) -> None:
    for pair, words in (
        ((folders.base, folders.other_seed), f"{folders.other_seed} has 16"),
        ((folders.summary, folders.base), "run it again with --keep rows"),
        ((folders.base, str(tmp_path)), "is no run folder"),
        ((folders.base,), "Missing argument 'DIR_B'"),
    ):
        done = simulate("compare", *pair)
        assert done.returncode == 2
        assert words in done.stderr
        assert "Traceback" not in done.stderr
        assert done.stdout == ""


@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_blocks_that_are_not_right_are_named(damage: str, tmp_path: Path) -> None:
    folder = stored(tmp_path / "a", "--trials", "100")
    (file,) = Path(folder).glob("trials-*.parquet")
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-100])
    done = simulate("compare", folder, folder)
    assert done.returncode == 1
    assert ("missing: trials 0 to 99" if damage == "missing" else file.name) in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert file.exists() == (damage == "truncated")
