"""`simulate replay` as its users meet it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from cli.commands import BASE, ROOT, simulate

LOOKS = (
    "--set",
    "analyses={ early = { trigger = { calendar_months = 20 } }, late = { trigger = "
    "{ endpoint = 'pfs', events = 150, if_not_reached = 'skip' } } }",
    "--set",
    "hypotheses.pfs={ endpoint = 'pfs', arms = { experimental = 'belzutifan', control = "
    "'sunitinib' }, test = { kind = 'logrank' }, analyses = ['early', 'late'], "
    "critical_values = [3.0, 2.0] }",
)


def test_the_looks_and_the_arms_are_printed() -> None:
    done = simulate("replay", BASE, "--trial", "31415")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for words in (
        "trial 31,415 of seed 15",
        "z                 ",
        "rejected",
        "All arms at: Final",
    ):
        assert words in done.stdout


def test_csv_on_standard_output_is_alone_there() -> None:
    done = simulate("replay", BASE, "--trial", "31_415", "--csv", "-")
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(rows) == 160
    assert {row["trial"] for row in rows} == {"31415"}
    assert {row["sdhb"] for row in rows} == {"mutated", "other"}
    assert sum(int(row["pfs_event"]) for row in rows) == 88


def test_files_are_written_and_named_on_standard_error(tmp_path: Path) -> None:
    patients, figure = str(tmp_path / "patients.csv"), str(tmp_path / "curves.png")
    done = simulate("replay", BASE, "--trial", "7", "--csv", patients, "--figure", figure)
    assert done.returncode == 0, done.stderr
    assert done.stderr == f"written: {patients}\ndrawn: {figure}\n"
    assert "All arms at: Final analysis" in done.stdout
    assert Path(figure).read_bytes().startswith(b"\x89PNG")
    text = Path(patients).read_text(encoding="utf-8")
    assert text == simulate("replay", BASE, "--trial", "7", "--csv", "-").stdout


def test_json_is_one_documented_object() -> None:
    done = simulate("replay", BASE, "--trial", "7", "--seed", "3", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert (found["format"], found["trial"], found["seed"]) == ("simulate-replay", 7, 3)
    assert len(found["looks"]) == 1
    documented = (ROOT / "docs" / "replay.md").read_text(encoding="utf-8")
    keys = {*found, *found["looks"][0], *found["cut"], *found["cut"]["arms"][0]}
    assert not [key for key in keys if f"`{key}`" not in documented]


def test_the_seed_and_values_set_make_another_trial() -> None:
    usual = simulate("replay", BASE, "--trial", "7", "--csv", "-").stdout
    other = simulate("replay", BASE, "--trial", "7", "--seed", "3", "--csv", "-").stdout
    larger = simulate(
        "replay", BASE, "--trial", "7", "--csv", "-", "--set", "accrual.patients=200"
    ).stdout
    assert len({usual, other, larger}) == 3


def test_data_are_cut_at_the_analysis_that_is_named() -> None:
    done = simulate("replay", BASE, "--trial", "7", *LOOKS, "--analysis", "early", "--csv", "-")
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(rows) == 80
    assert {row["cutoff_calendar_months"] for row in rows} == {"20.0"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nothing.toml", "--trial", "1"), "nothing.toml: there is no such file"),
        ((BASE,), "Missing option '--trial'"),
        ((BASE, "--trial", "-1"), "trial: must be a whole number from 0 to 9,999,999,999"),
        ((BASE, "--trial", "1e10"), "trial: must be a whole number from 0 to 9,999,999,999"),
        ((BASE, "--trial", "odd"), "must be a whole number, such as 100000"),
        ((BASE, "--trial", "1", "--seed", "-1"), "simulation.seed: must be a whole number"),
        ((BASE, "--trial", "1", "--set", "accrual.patients=0"), "--set accrual.patients=0: "),
        (
            (BASE, "--trial", "1", "--analysis", "interim"),
            "analysis: must be one of the scenario's: final (given: 'interim')",
        ),
        (
            (BASE, "--trial", "1", *LOOKS, "--analysis", "late"),
            "analysis: must have taken place in trial 1: early (given: 'late')",
        ),
        ((BASE, "--trial", "1", "--csv", "x.txt"), "--csv: must be - or end in .csv"),
        ((BASE, "--trial", "1", "--csv", "no/such/x.csv"), "--csv: must be in a folder that"),
        ((BASE, "--trial", "1", "--figure", "x.jpg"), "--figure: must end in .png, .svg or .pdf"),
        ((BASE, "--trial", "1", "--figure", "no/such/x.png"), "--figure: must be in a folder"),
        ((BASE, "--trial", "1", "--csv", "-", "--json"), "--csv: must name a file beside --json"),
    ],
)
def test_bad_input_gets_one_clear_line_and_exit_code_2(
    arguments: tuple[str, ...], words: str
) -> None:
    done = simulate("replay", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_what_cannot_be_written_exits_with_1(tmp_path: Path) -> None:
    (tmp_path / "x.csv").mkdir()
    done = simulate("replay", BASE, "--trial", "1", "--csv", str(tmp_path / "x.csv"))
    assert done.returncode == 1
    assert "cannot write" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_picture_of_the_documentation_is_made_by_its_command(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "replay.md").read_text(encoding="utf-8")
    command = f"simulate replay {BASE} --trial 31415"
    assert command in page
    shown = page.split("```text\n")[1].split("```")[0]
    assert simulate("replay", BASE, "--trial", "31415").stdout == shown
