"""simulate study, as its users run it."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from pathlib import Path

import pytest
from cli.commands import ROOT, simulate
from reproducibility.stored_runs import in_process

GRID = """
schema_version = 1
title = "Cells"
purpose = "To try the command."
[arms.new.pfs]
relative_to = "old"
hazard_ratio = 0.5
[arms.old.pfs]
distribution = "exponential"
median_months = 8.0
[accrual]
patients = 40
arrivals = "evenly_spaced"
rate_per_month = 4.0
[analyses.final]
trigger = { endpoint = "pfs", events = 25, if_not_reached = "last_event" }
[hypotheses.pfs]
endpoint = "pfs"
arms = { experimental = "new", control = "old" }
test = { kind = "logrank" }
alpha = 0.025
[simulation]
trials = 200
seed = 1
[study.axes.ratio]
path = "arms.new.pfs.hazard_ratio"
values = [0.5, 1.0]
[study.axes.accrual]
path = "accrual.rate_per_month"
values = [2, 4]
"""


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    file = tmp_path / "grid.toml"
    file.write_text(GRID, encoding="utf-8")
    return file


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return simulate("study", *map(str, arguments))


def test_a_table_a_folder_and_a_picture(file: Path, tmp_path: Path) -> None:
    out, figure = tmp_path / "out", tmp_path / "grid.png"
    tornado = tmp_path / "tornado.pdf"
    reference = "study.reference={ ratio = 0.5, accrual = 2 }"
    pictures = ("--figure", figure, "--tornado", tornado)
    done = run(file, "--set", reference, "--out", out, *pictures)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "Cells"
    assert len([line for line in lines if line.startswith(("0.5 ", "1 "))]) == 4
    assert "4 cells, 800 trials in" in done.stderr
    assert f"{out}: 4 blocks simulated, 0 were there, 0 set aside" in done.stderr
    assert f"drawn: {figure}" in done.stderr
    assert figure.stat().st_size > 10_000
    assert f"drawn: {tornado}" in done.stderr
    assert tornado.read_bytes().startswith(b"%PDF")
    again = run(file, "--set", reference, "--out", out, "--quiet")
    assert (again.stdout, again.stderr) == (done.stdout, "")
    # A cell is a run folder, and its scenario can be replayed and shown.
    shown = simulate("show", str(out / "cells" / "ratio=1,accrual=2"), "--quiet")
    assert "Cells [ratio=1,accrual=2]" in shown.stdout
    assert "pfs: type I error" in shown.stdout
    of_all = simulate("show", str(out))
    assert (of_all.returncode, of_all.stdout) == (0, done.stdout)
    refused = simulate("verify", str(out))
    assert refused.returncode == 2
    assert "is the folder of a study; each of its cells, in" in refused.stderr


def test_json_is_one_documented_object(file: Path) -> None:
    done = run(file, "--json", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found["format"] == "simulate-study"
    page = (ROOT / "docs" / "json-output.md").read_text(encoding="utf-8")
    section = page.split("## simulate study")[1]
    columns = [key for key in found["rows"][0] if key not in {"ratio", "accrual"}]
    for key in (*found, *found["cells"][0], *columns):
        assert f"`{key}`" in section, key


def test_csv_is_the_table(file: Path, tmp_path: Path) -> None:
    done = run(file, "--csv", "--quiet", "--out", tmp_path / "out")
    assert done.returncode == 0
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert {(row["ratio"], row["accrual"]) for row in rows} == {
        (ratio, accrual) for ratio in ("0.5", "1.0") for accrual in ("2", "4")
    }
    assert (tmp_path / "out" / "study.csv").read_bytes().decode() == done.stdout


def test_shards_and_then_the_table(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = run(file, "--out", out, "--shard", "1/2")
    assert first.returncode == 0, first.stderr
    assert "shard 1 of 2 is done\n2 of 4 blocks are still missing in" in first.stdout
    second = run(file, "--out", out, "--shard", "2/2")
    assert (
        f"all blocks are there: simulate show {out}, or the same command without" in second.stdout
    )
    whole = run(file, "--out", out)
    assert "0 blocks simulated, 4 were there" in whole.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--set", "study.axes.accrual.values=[2,0]"), "accrual.rate_per_month: in the cells "),
        (("--set", "accrual.rate_per_month=3"), "is set by the study's axis 'accrual'"),
        (("--max-cells", "3"), "study.axes: must have at most 3 combinations (given: 4)"),
        (("--keep", "summary"), "--keep needs --out DIR"),
        (("--shard", "1/2"), "--shard needs --out DIR"),
        (("--shard", "1/2", "--out", "x", "--json"), "--shard reports nothing yet"),
        (("--json", "--csv"), "--csv and --json exclude each other"),
        (("--heatmap",), "--heatmap needs --figure FILE"),
        (("--figure", "x.jpg"), "--figure: must end in .png, .svg or .pdf"),
        (("--tornado", "x.jpg"), "--tornado: must end in .png, .svg or .pdf"),
        (("--tornado", "x.png"), "--tornado: study.reference: required key is missing"),
        (("--shard", "1/2", "--out", "x", "--tornado", "x.png"), "--shard reports nothing yet"),
        (("--figure", "x.png", "--tornado", "./x.png"), "--figure and --tornado must be different"),
        (("--out", " "), "--out needs the name of a folder"),
        (("--trials", "0"), "simulation.trials: must be a whole number from 1"),
    ],
)
def test_bad_input_is_one_message(file: Path, options: tuple[str, ...], message: str) -> None:
    done = in_process("study", file, *options)
    assert done.code == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_file_without_a_study_is_refused_and_a_study_is_checked(file: Path) -> None:
    done = run("scenarios/belzutifan-vs-sunitinib.toml")
    assert done.returncode == 2
    assert "study: required table is missing" in done.stderr
    checked = simulate("check", str(file))
    assert "\nStudy\n  4 cells, over\n    ratio: arms.new.pfs.hazard_ratio = 0.5, 1\n" in (
        checked.stdout
    )
    values = "study.axes.accrual.values=[-1]"
    assert simulate("check", str(file), "--set", values).returncode == 2
    # All other commands take the scenario and leave its study aside.
    assert simulate("run", str(file), "--quiet").returncode == 0
