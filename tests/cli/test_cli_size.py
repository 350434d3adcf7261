"""simulate size and simulate curve, as their users run them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from cli.commands import BASE, ROOT, simulate
from reproducibility.stored_runs import Ended, in_process

SCALED = ("--over", "events", "--scale", "--max-trials", "20000", "--workers", "1")


@pytest.fixture(autouse=True)
def _in_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def run(command: str, *arguments: object) -> Ended:
    return in_process(command, BASE, *arguments)


def test_a_size_with_a_picture(tmp_path: Path) -> None:
    figure = tmp_path / "size.png"
    done = run("size", "--power", 0.9, *SCALED, "--figure", figure)
    assert done.code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "varied: analyses.final.trigger.events, in the scenario 88" in lines
    assert "in proportion to it: accrual.patients" in lines
    answer = next(line for line in lines if line.startswith("power 0.9: "))
    assert " events, 95% interval " in answer
    assert any(line.startswith("with accrual.patients = ") for line in lines)
    assert "closed form: 118 events (Schoenfeld 1981)" in lines
    assert "19,999 trials in all, seed 15, of each value its own" in lines
    assert " trials: about " in done.stderr
    assert f"drawn: {figure}" in done.stderr
    assert figure.stat().st_size > 10_000


def test_a_size_as_json_and_as_csv() -> None:
    arguments = ("--power", 0.9, *SCALED, "--quiet")
    done, table = run("size", *arguments, "--json"), run("size", *arguments, "--csv")
    assert (done.code, done.stderr, table.stderr) == (0, "", "")
    found = json.loads(done.stdout)
    assert found["format"] == "simulate-size"
    assert found["paths"] == ["analyses.final.trigger.events", "accrual.patients"]
    low, high = found["interval"]
    assert low <= found["value"] <= high
    assert found["closed_form"] == {"value": 118.0, "method": "Schoenfeld 1981"}
    rows = list(csv.DictReader(io.StringIO(table.stdout, newline="")))
    assert [int(row["events"]) for row in rows] == [row["events"] for row in found["curve"]]
    assert [float(row["power"]) for row in rows] == [row["power"] for row in found["curve"]]
    assert found["n_trials"] == sum(int(row["n_trials"]) for row in rows) == 19_999


def test_what_no_value_gives_is_an_answer() -> None:
    done = simulate("size", BASE, "--power", "0.97", "--over", "events", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert "power 0.97 is not reached within 1 to 160 events" in done.stdout
    assert "160 patients have no more events: more of them are needed" in done.stdout
    plain = run("size", "--power", 0.97, "--over", "events", "--quiet", "--json")
    found = json.loads(plain.stdout)
    assert (found["value"], found["interval"]) == (None, [None, None])
    assert found["reason"].startswith("the power at 160 events is 0.")


def test_a_closed_form_without_an_answer_is_not_called_missing() -> None:
    effect = ("--set", "arms.belzutifan.pfs.hazard_ratio=1")
    done = run("size", "--power", 0.9, "--over", "events", *effect, "--quiet")
    assert "closed form: the power is not reached (Schoenfeld 1981)" in done.stdout.splitlines()


def test_a_curve_with_a_picture(tmp_path: Path) -> None:
    figure = tmp_path / "curve.svg"
    over = ("--over", "events", "--from", 60, "--to", 120, "--step", 20, "--trials", 2_000)
    done = run("curve", *over, "--figure", figure)
    assert done.code == 0, done.stderr
    assert "2,000 trials, each with a look at every value; seed 15" in done.stdout
    assert [line.split()[0] for line in done.stdout.splitlines() if " 2,000 " in line] == [
        "60",
        "80",
        "100",
        "120",
    ]
    assert "2,000 trials in" in done.stderr
    assert figure.read_text(encoding="utf-8").startswith("<?xml")
    plain = run("curve", *over, "--json", "--quiet")
    found = json.loads(plain.stdout)
    assert found["is_nested"] is True
    table = run("curve", *over, "--csv", "--quiet")
    rows = list(csv.DictReader(io.StringIO(table.stdout, newline="")))
    assert [float(row["power"]) for row in rows] == [row["power"] for row in found["rows"]]


def test_a_curve_over_patients_says_how() -> None:
    done = run("curve", "--over", "patients", "--values", "140,160", "--trials", 500)
    assert "500 trials a value, with the same patients; seed 15" in done.stdout
    assert "in proportion to it: analyses.final.trigger.events" in done.stdout
    assert "1,000 trials in" in done.stderr


def test_the_power_at_the_null_is_called_a_type_i_error(tmp_path: Path) -> None:
    options = ("--over", "hazard-ratio", "--values", "0.55,1.0", "--trials", 500, "--quiet")
    lines = run("curve", *options).stdout.splitlines()
    assert next(line for line in lines if "trials  " in line).split()[2:5] == [
        "rejected",
        "which",
        "is",
    ]
    rows = [line for line in lines if " 500 " in line]
    assert [" type I error " in row for row in rows] == [False, True]
    assert [" power " in row for row in rows] == [True, False]
    rows = json.loads(run("curve", *options, "--json").stdout)["rows"]
    assert [row["null_holds"] for row in rows] == [False, True]
    one = run("curve", *options[:2], "--values", "1.0", *options[4:])
    assert "hazard ratio     type I error  trials" in one.stdout
    assert "which is" not in one.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--power", 0.97, "--over", "events"), "more than are sure to come in this trial"),
        (("--power", 0.7, "--over", "events"), "events (Schoenfeld 1981)"),
        (
            ("--power", 0.75, "--over", "patients", "--no-scale", "--to", 110),
            "122 patients (Schoenfeld 1981)",
        ),
        (
            ("--power", 0.75, "--over", "hazard-ratio", "--set", "accrual.patients=90"),
            "none, its events are not sure to come (Schoenfeld 1981)",
        ),
    ],
)
def test_a_size_says_whether_the_events_of_the_closed_form_come(
    options: tuple[object, ...], words: str
) -> None:
    done = run("size", *options, "--max-trials", 10_000, "--quiet")
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("closed form: ")]
    assert line.endswith(words), line


REFUSED = [
    ("size", ["--power", "1.2", "--over", "events"], "--power: must be above alpha, 0.025, and"),
    ("size", ["--power", "nan", "--over", "events"], "--power: must be above alpha, 0.025, and"),
    ("size", ["--power", "0.8", "--over", "follow-up"], f"{BASE}:70: analyses.final.trigger: must"),
    ("size", ["--power", "0.8", "--over", "dose"], "simulate: Invalid value for '--over'"),
    (
        "size",
        ["--power", "0.8", "--over", "events", "--from", "90", "--to", "80"],
        "--from and --to: must end above where it begins (given: from 90 to 80)",
    ),
    (
        "size",
        ["--power", "0.8", "--over", "events", "--hypothesis", "os"],
        "--hypothesis: must be one of pfs (given: 'os')",
    ),
    (
        "size",
        ["--power", "0.8", "--over", "hazard-ratio", "--scale"],
        "--scale: is for --over events and --over patients only (given: over hazard-ratio)",
    ),
    (
        "size",
        ["--power", "0.8", "--over", "events", "--max-trials", "10"],
        "--max-trials: must be a whole number from 10,000 to",
    ),
    ("size", ["--power", "0.8", "--over", "events", "--csv", "--json"], "exclude each other"),
    ("size", ["--power", "0.8", "--over", "events", "--figure", "a.jpg"], "--figure: must end in"),
    ("curve", ["--over", "events"], "simulate: give --values, or --from, --to and --step"),
    ("curve", ["--over", "events", "--from", "5"], "--from, --to and --step belong together"),
    (
        "curve",
        ["--over", "events", "--from", "9", "--to", "5", "--step", "1"],
        "--from, --to, --step: must be numbers that rise, by a step above 0 (given: from 9 to 5",
    ),
    (
        "curve",
        ["--over", "events", "--from", "1", "--to", "100", "--step", "1"],
        "--from, --to, --step: must give at most 64 values (given: 100)",
    ),
    ("curve", ["--over", "events", "--values", "90,161"], "--values: must be from 1 to 160, over"),
    (
        "curve",
        ["--over", "patients", "--no-scale", "--values", "50"],
        "--values: must be from 88 to 1,000,000, over patients",
    ),
]


@pytest.mark.parametrize(("command", "arguments", "message"), REFUSED)
def test_refusals_are_one_line(command: str, arguments: list[str], message: str) -> None:
    done = run(command, *arguments)
    assert done.code == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert message in line


def test_a_run_stops_when_the_power_is_known_well_enough() -> None:
    done = run("run", "--until-mcse", 0.005, "--trials", 60_000)
    assert done.code == 0, done.stderr
    assert "20,000 simulated trials, seed 15" in done.stdout
    line = "20,000 trials were enough: the largest standard error of a power is 0.0029"
    assert line in done.stderr.splitlines()
    short = run("run", "--until-mcse", 0.005, "--trials", 1_000)
    line = "the 1,000 trials allowed are not enough: the largest standard error of a power is 0.013"
    assert f"{line}, asked for are 0.005" in short.stderr.splitlines()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--until-mcse", "0"], "--until-mcse: must be above 0 and below 0.5 (given: 0)"),
        (["--until-mcse", "0.1", "--out", "x", "--shard", "1/2"], "--until-mcse excludes --shard"),
    ],
)
def test_runs_that_cannot_stop(arguments: list[str], message: str) -> None:
    done = run("run", *arguments)
    assert (done.code, done.stdout) == (2, "")
    assert message in done.stderr
