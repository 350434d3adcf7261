"""The command line as its users meet it: what it prints, where, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from cli.commands import BASE, ROOT, simulate, simulate_apart

from simulate.cli import cli


def test_run_prints_power_with_its_error_and_the_closed_form() -> None:
    done = simulate_apart("run", BASE, "--trials", "2000")
    assert done.returncode == 0
    assert "power 0.7" in done.stdout
    assert "2,000 simulated trials, seed 15" in done.stdout
    assert "0.8007" in done.stdout
    assert "What did not exist: nothing" in done.stdout
    assert "2,000 trials in" in done.stderr
    assert "Traceback" not in done.stderr


def test_null_is_called_type_i_error() -> None:
    done = simulate("run", "scenarios/belzutifan-vs-sunitinib-null.toml", "--trials", "1000")
    assert "type i error 0.0" in done.stdout.lower()


def test_json_is_one_documented_object() -> None:
    done = simulate("run", BASE, "--trials", "1000", "--seed", "7", "--json", "--quiet")
    assert done.returncode == 0
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert (found["format"], found["format_version"]) == ("simulate-run", 1)
    assert (found["trials"], found["seed"]) == (1000, 7)
    row = found["operating_characteristics"][0]
    assert list(row) == [
        "scenario",
        "hypothesis",
        "analysis",
        "measure",
        "condition",
        "estimate",
        "mcse",
        "n_trials",
    ]
    documented = (ROOT / "docs" / "json-output.md").read_text(encoding="utf-8")
    assert not [key for key in found if f"`{key}`" not in documented]


def test_json_is_the_same_for_any_number_of_workers() -> None:
    # Small trials: four blocks at least, so that workers are started.
    small = ("--set", "accrual.patients=8", "--set", "analyses.final.trigger.events=4")
    arguments = ("run", BASE, "--trials", "80000", "--json", "--quiet", *small)
    one = simulate(*arguments, "--workers", "1")
    two = simulate(*arguments, "--workers", "2")
    assert one.returncode == two.returncode == 0
    assert one.stdout == two.stdout


def test_set_changes_the_scenario() -> None:
    done = simulate(
        "run", BASE, "--trials", "500", "--json", "--quiet", "--set", "accrual.patients=200"
    )
    assert json.loads(done.stdout)["scenario"]["accrual"]["patients"] == 200


def test_figure_is_drawn(tmp_path: Path) -> None:
    for suffix, start in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")):
        file = tmp_path / f"result{suffix}"
        done = simulate("run", BASE, "--trials", "500", "--figure", str(file), "--quiet")
        assert done.returncode == 0, done.stderr
        assert file.read_bytes().startswith(start)


def test_looks_are_drawn(tmp_path: Path) -> None:
    file = tmp_path / "looks.svg"
    done = simulate("run", BASE, "--trials", "300", "--looks", str(file))
    assert done.returncode == 0, done.stderr
    assert f"drawn: {file}" in done.stderr
    assert file.read_bytes().startswith(b"<?xml")


def test_figure_of_equal_results_is_equal(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        simulate("run", BASE, "--trials", "300", "--figure", str(tmp_path / name), "--quiet")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_check_tells_the_trial_in_words() -> None:
    done = simulate("check", "scenarios/placebo-2to1.toml")
    assert done.returncode == 0
    for words in ("randomised 2:1", "at 63 PFS events", "hazard ratio 0.4 to placebo", "median 5"):
        assert words in done.stdout
    assert "Schoenfeld" in done.stdout


def test_schema_is_the_shipped_one() -> None:
    done = simulate("schema")
    shipped = (ROOT / "docs" / "scenario-schema-v1.json").read_text(encoding="utf-8")
    assert done.stdout == shipped


def test_warmup_says_where_it_keeps_the_code() -> None:
    done = simulate("warmup")
    assert done.returncode == 0
    assert "engine compiled in" in done.stdout
    assert "kept in" in done.stdout


def test_bare_command_prints_help() -> None:
    done = simulate()
    assert done.returncode == 0
    assert "Commands:" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "nothing.toml"), "nothing.toml: there is no such file"),
        (("run", "scenarios"), "is a folder"),
        (("run", BASE, "--trials", "0"), "simulation.trials: must be a whole number from 1 to"),
        (("run", BASE, "--trials", "20000000000"), "simulation.trials: must be a whole number"),
        (("run", BASE, "--trials", "many"), "must be a whole number, such as 100000"),
        (("run", BASE, "--trials", "inf"), "must be a whole number"),
        (("run", BASE, "--seed", "-1"), "simulation.seed: must be a whole number from 0"),
        (("run", BASE, "--workers", "0"), "workers: must be a whole number of at least 1"),
        (("run", BASE, "--set", "accrual.patients=0"), "--set accrual.patients=0: "),
        (("run", BASE, "--set", "accrual.arrivals=poison"), "did you mean 'poisson'"),
        (("run", BASE, "--set", "accrual.patient=90"), "known keys: "),
        (("run", BASE, "--set", "nonsense"), "must be path=value"),
        (("run", BASE, "--figure", "x.jpg"), "must end in .png, .svg or .pdf"),
        (("run", BASE, "--figure", "no/such/x.png"), "must be in a folder that exists"),
        (("run", BASE, "--looks", "x.jpg"), "--looks: must end in .png, .svg or .pdf"),
        (("run", BASE, "--looks", "x.png", "--figure", "x.png"), "must be different files"),
        (("check", "pyproject.toml"), "pyproject.toml:"),
        (("runn", BASE), "No such command 'runn'"),
        (("run",), "Missing argument"),
        (("run", BASE, "--fast"), "No such option"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_bad_input_gets_a_clear_line_and_exit_code_2(
    arguments: tuple[str, ...], words: str
) -> None:
    done = simulate(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_wrong_command_line_ends_alike_in_a_process_of_its_own() -> None:
    apart, here = simulate_apart("run", BASE, "--fast"), simulate("run", BASE, "--fast")
    assert apart.returncode == here.returncode == 2
    assert apart.stderr == here.stderr
    assert apart.stdout == here.stdout == ""


def test_all_errors_of_a_file_are_reported_each_with_its_line(tmp_path: Path) -> None:
    text = (ROOT / BASE).read_text(encoding="utf-8")
    text = text.replace("hazard_ratio = 0.55", "hazard_ratio = -0.55")
    text = text.replace("alpha = 0.025", "alfa = 0.025")
    text = text.replace("patients = 160", "patients = 60")
    file = tmp_path / "wrong.toml"
    file.write_text(text, encoding="utf-8")
    done = simulate("run", str(file))
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert all(line.startswith(f"{file}:") for line in lines)
    assert [line.split(": ")[1] for line in lines] == [
        "arms.belzutifan.pfs.hazard_ratio",
        "analyses.final.trigger.events",
        "hypotheses.pfs.alfa",
    ]
    assert "did you mean 'alpha'" in done.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_ends_with_130_and_says_so(workers: str) -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from simulate.cli import main; main()",
            "run",
            BASE,
            "--trials",
            "5000000",
            "--workers",
            workers,
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    time.sleep(6.0)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stdout == ""
    assert "interrupted; nothing was written" in stderr
    assert "Traceback" not in stderr


def test_a_failure_that_is_nobodys_input_exits_with_1(tmp_path: Path) -> None:
    # A folder stands where the figure should go: found out only when it is written.
    (tmp_path / "x.png").mkdir()
    done = simulate("run", BASE, "--trials", "100", "--figure", str(tmp_path / "x.png"))
    assert done.returncode == 1
    assert "cannot write" in done.stderr
    assert "Traceback" not in done.stderr


def test_helps_of_commands_fit_on_their_lines() -> None:
    """Click cuts what is longer than a line of 80 columns, in the middle of a sentence."""
    for group in (cli, cli.commands["design"]):
        assert isinstance(group, click.Group)
        room = 80 - 2 - 6 - max(map(len, group.commands))
        for name, command in group.commands.items():
            text = command.short_help or command.get_short_help_str(room)
            assert not text.endswith("..."), name
            assert len(text) <= room, name
