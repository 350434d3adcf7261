"""simulate design as its users run it: what the documentation shows, refusals, JSON."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cli.commands import simulate

from simulate import design
from simulate.cli import cli
from simulate.errors import ScenarioError

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
TRIAL = ("--control-median-months", "12", "--hazard-ratio", "0.55")
TIMES = ("--accrual-months", "20", "--follow-up-months", "10")


def run(*arguments: str) -> None:
    """Run a verb in this process, which spares the start of another one."""
    cli.main(["design", *arguments], standalone_mode=False)


def shown() -> list[tuple[str, str]]:
    """Commands of the page, and what it shows after each."""
    found = []
    for block in BLOCK.findall((DOCS / "design.md").read_text(encoding="utf-8")):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output))
    return found


@pytest.mark.parametrize(("command", "output"), shown())
def test_the_page_shows_what_is_printed(
    command: str, output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    program, group, *arguments = shlex.split(command)
    assert (program, group) == ("simulate", "design")
    run(*arguments)
    assert capsys.readouterr().out == output


def test_the_page_shows_every_kind() -> None:
    verbs = {command.split()[2] for command, _ in shown()}
    assert verbs == {"events", "size", "ahr", "nph-power", "two-sample", "single-arm", "simon"}
    page = (DOCS / "design.md").read_text(encoding="utf-8")
    group: Any = cli.commands["design"]
    for verb in group.commands:
        assert f"`{verb}`" in page
    for name in design.__all__:
        assert f"`{name}`" in page or f"design.{name}(" in page, name


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    run(*arguments, "--json")
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_json_is_documented(capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, "events", "--hazard-ratio", "0.55", "--power", "0.8")
    page = (DOCS / "json-output.md").read_text(encoding="utf-8")
    section = page.split("## simulate design")[1]
    for key in found:
        assert f"`{key}`" in section
    assert found["verb"] == "events"
    assert found["inputs"] == {
        "hazard_ratio": 0.55,
        "power": 0.8,
        "alpha": 0.025,
        "ratio": 1.0,
        "null_hazard_ratio": 1.0,
        "method": "schoenfeld",
    }
    events = found["figures"]["events"]
    assert events["exact"] == design.required_events(0.55, 0.8)
    assert events["rounded_up"] == 88


def test_events_finds_the_third(capsys: pytest.CaptureFixture[str]) -> None:
    figures = answer(capsys, "events", "--hazard-ratio", "0.55", "--events", "88")["figures"]
    assert figures["power"]["exact"] == design.power_at_events(88, 0.55)
    figures = answer(capsys, "events", "--power", "0.8", "--events", "1e2")["figures"]
    assert figures["hazard_ratio"]["exact"] == design.detectable_hazard_ratio(100, 0.8)
    assert figures["power"]["exact"] == pytest.approx(0.8)


def test_size_finds_what_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    rate = ("--accrual-rate-per-month", "3,6", "--accrual-from-months", "0,5")
    given = ("size", *TRIAL, "--power", "0.8", "--ratio", "2")
    patients = answer(capsys, *given, *TIMES)["figures"]
    assert patients["patients"]["rounded_up"] % 3 == 0
    assert patients["accrual_months"] == {"exact": 20.0, "rounded_up": 20.0}
    accrual = answer(capsys, *given, *rate, "--follow-up-months", "10")["figures"]
    assert accrual["patients"]["rounded_up"] % 3 == 0
    assert accrual["accrual_months"]["rounded_up"] > accrual["accrual_months"]["exact"]
    expected = 15.0 + 6.0 * (accrual["accrual_months"]["exact"] - 5.0)
    assert accrual["patients"]["exact"] == pytest.approx(expected)
    followed = answer(capsys, *given, *rate, "--accrual-months", "20")["figures"]
    assert followed["patients"] == {"exact": 105, "rounded_up": 105}
    months = followed["follow_up_months"]
    assert months["rounded_up"] == int(months["exact"]) + 1
    for figures in (patients, accrual, followed):
        assert figures["power"]["exact"] == pytest.approx(0.8, abs=1e-9)
        assert 0.8 < figures["power"]["rounded_up"] < 0.82


def test_power_takes_patients_or_a_rate(capsys: pytest.CaptureFixture[str]) -> None:
    by_patients = answer(capsys, "power", *TRIAL, *TIMES, "--patients", "120")["figures"]
    by_rate = answer(capsys, "power", *TRIAL, *TIMES, "--accrual-rate-per-month", "6")["figures"]
    for row, columns in by_patients.items():
        assert columns["exact"] == pytest.approx(by_rate[row]["exact"])
    trial = design.two_arm_trial(
        control_median_months=12.0,
        hazard_ratio=0.55,
        accrual_months=20.0,
        accrual_rate_per_month=6.0,
        follow_up_months=10.0,
    )
    assert by_rate["power"]["exact"] == design.power_for_size(trial).power


def test_hazards_by_pieces_and_shapes(capsys: pytest.CaptureFixture[str]) -> None:
    entry = ("--patients", "100", "--accrual-months", "20", "--calendar-months", "12,40")
    pieces = ("--control-rate-per-month", "0.1,0.05", "--control-from-months", "0,6")
    found = answer(capsys, "ahr", *pieces, "--hazard-ratio", "0.5", *entry)["figures"]
    assert found["average_hazard_ratio"] == pytest.approx({"12": 0.5, "40": 0.5})
    assert found["patients"] == pytest.approx({"12": 60.0, "40": 100.0})
    bent = (*TRIAL, "--control-shape", "2", *entry)
    assert answer(capsys, "ahr", *bent)["figures"]["events"] != found["events"]


def test_tests_under_any_hazards(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--fleming-harrington", "0,1", "--modest-delay-months", "4", "--rmst-months", "9")
    given = ("nph-power", *TRIAL, *TIMES, "--patients", "150", *options, "--milestone-months", "9")
    found = answer(capsys, *given, "--power", "0.9")["figures"]
    names = ["logrank", "fh_0_1", "modest_4", "ahr", "rmst_9", "milestone_9"]
    assert list(found) == names
    trial = design.two_arm_trial(
        control_median_months=12.0, hazard_ratio=0.55, accrual_months=20.0, follow_up_months=10.0
    )
    tests = [
        design.logrank_test(trial),
        design.logrank_test(trial, design.LogrankWeights(gamma=1.0)),
        design.logrank_test(trial, design.LogrankWeights(delay_months=4.0)),
        design.average_hazard_ratio(trial).test(),
        design.rmst_test(trial, 9.0),
        design.milestone_test(trial, 9.0),
    ]
    for name, test in zip(names, tests, strict=True):
        assert found[name]["power"] == pytest.approx(test.power(150, 0.025), rel=1e-12)
        assert found[name]["patients"] == pytest.approx(test.n_for(0.9, 0.025), rel=1e-12)
    other = answer(capsys, *given, "--judged", "null_information")["figures"]
    assert other["logrank"]["power"] != found["logrank"]["power"]
    # What no number of patients reaches is left open.
    worse = ("nph-power", "--control-median-months", "12", "--hazard-ratio", "1.2", *TIMES)
    open_row = answer(capsys, *worse, "--patients", "99", "--power", "0.9")["figures"]["logrank"]
    assert open_row["patients"] is None
    assert open_row["power"] < 0.025


def test_maxcombo_combines_the_tests_that_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    given = ("nph-power", *TRIAL, *TIMES, "--patients", "150", "--power", "0.9", "--maxcombo")
    # The log-rank test once, however often it is named.
    options = [o for each in ("0,0", "0,1", "0,0") for o in ("--fleming-harrington", each)]
    found = answer(capsys, *given, *options, "--modest-delay-months", "4")
    assert list(found["figures"]) == ["logrank", "fh_0_0", "fh_0_1", "modest_4", "maxcombo", "ahr"]
    trial = design.two_arm_trial(
        control_median_months=12.0, hazard_ratio=0.55, accrual_months=20.0, follow_up_months=10.0
    )
    components = [design.LogrankWeights(), design.LogrankWeights(gamma=1.0)]
    test = design.maxcombo_test(trial, [*components, design.LogrankWeights(delay_months=4.0)])
    row = found["figures"]["maxcombo"]
    assert row["critical_z"] == pytest.approx(test.critical_z(0.025), rel=1e-9)
    assert row["power"] == pytest.approx(test.power(150, 0.025), rel=1e-9)
    assert row["patients"] == pytest.approx(test.n_for(0.9, 0.025), rel=1e-7)
    assert found["figures"]["logrank"]["critical_z"] == pytest.approx(1.959963984540054)
    assert found["inputs"]["maxcombo"] is True
    # It has no other way of judging.
    other = answer(capsys, *given, "--fleming-harrington", "0,1", "--judged", "null_information")
    same = answer(capsys, *given, "--fleming-harrington", "0,1")
    assert other["figures"]["maxcombo"] == same["figures"]["maxcombo"]
    note = "MaxCombo judges its components by their own variances"
    assert (note in other["notes"], note in same["notes"]) == (True, False)
    # As text the option is repeated as it was given.
    run(*given, "--fleming-harrington", "0,1")
    assert " --maxcombo --judged" in capsys.readouterr().out
    run(*given[:-1], "--judged", "null_information")
    assert "maxcombo" not in capsys.readouterr().out.lower()


def test_proportions(capsys: pytest.CaptureFixture[str]) -> None:
    rates = ("--control-rate", "0.3", "--experimental-rate", "0.3", "--null-difference", "-0.1")
    test = design.two_proportions_test(0.3, 0.3, 2.0, -0.1)
    found = answer(capsys, "two-sample", *rates, "--patients", "400", "--ratio", "2")["figures"]
    assert found["power"]["exact"] == test.power(400, 0.025)
    found = answer(capsys, "two-sample", *rates, "--power", "0.8", "--ratio", "2")["figures"]
    n = found["patients"]["rounded_up"]
    assert (n % 3, found["patients_control"]["rounded_up"]) == (0, n // 3)
    arm = ("single-arm", "--null-rate", "0.1", "--alternative-rate", "0.3", "--patients", "25")
    found = answer(capsys, *arm, "--alpha", "0.05")["figures"]
    assert found["responders"]["exact"] == design.single_arm(25, 0.1, 0.3, 0.05).responders
    stages = ("simon", "--null-rate", "0.1", "--alternative-rate", "0.3", "--stages", "2,18,6,35")
    found = answer(capsys, *stages)
    assert found["figures"]["power"]["given"] == design.two_stage(18, 2, 35, 6, 0.1, 0.3).power
    assert set(found["inputs"]) == {"null_rate", "alternative_rate", "stages"}


SIZE = ("size", *TRIAL, "--power", "0.8")
RATE = ("--accrual-rate-per-month", "4")
NPH = ("nph-power", *TRIAL, *TIMES, "--patients", "100")
ARM = ("--null-rate", "0.1", "--alternative-rate", "0.3")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("events", "--hazard-ratio", "0.5"),
            "--hazard-ratio: two of --hazard-ratio, --power and --events must be given",
        ),
        (
            ("events", "--hazard-ratio", "-1", "--power", "0.8"),
            "--hazard-ratio: must be a finite number greater than 0 (given: -1.0)",
        ),
        (
            ("events", "--hazard-ratio", "0.5", "--power", "0.8", "--alpha", "1"),
            "--alpha: must be above 0 and below 0.5, as it is one-sided (given: 1.0)",
        ),
        (
            (*SIZE,),
            "--accrual-rate-per-month: one of --accrual-rate-per-month, --accrual-months and "
            "--follow-up-months must be left out, to be found (given: none)",
        ),
        ((*SIZE, *RATE, *TIMES), "(given: all); with all three, simulate design power gives the"),
        ((*SIZE[:-2], *RATE, "--accrual-months", "9"), "--power: must be given"),
        ((*SIZE, *RATE, "--accrual-months", "100"), "--accrual-months: must be shorter: without"),
        (
            (*SIZE, *RATE, "--accrual-months", "0"),
            "--accrual-months: must be a finite number greater than 0",
        ),
        (
            (*SIZE, "--accrual-months", "9", "--follow-up-months", "-9"),
            "--follow-up-months: must be 0 or more (given: -9.0)",
        ),
        (
            ("size", "--hazard-ratio", "0.5", "--power", "0.8", *TIMES),
            "--control-median-months: must be given, or --control-rate-per-month instead (given: n",
        ),
        (
            (*SIZE, "--hazard-ratio", "1,0.5", *TIMES),
            "--hazard-ratio-from-months: must be as many as --hazard-ratio, at least one",
        ),
        (
            (*SIZE, "--hazard-ratio", "1,0.5", "--hazard-ratio-from-months", "0,4", *TIMES),
            "--method: must be logrank where the hazard ratio is not the same throughout",
        ),
        (("power", *TRIAL, *TIMES), "--patients: must be given, or --accrual-rate-per-month inst"),
        (("power", *TRIAL, *TIMES, "--patients", "0"), "--patients: must be at least 1 (given: 0)"),
        (
            ("ahr", *TRIAL, "--patients", "9", "--accrual-months", "9", "--calendar-months", "0"),
            "--calendar-months: must be finite and after the first entry (given: 0.0)",
        ),
        (
            ("ahr", *TRIAL, "--patients", "9", "--accrual-months", "9", "--calendar-months", "8,8"),
            "--calendar-months: must differ from each other (given: 8,8)",
        ),
        ((*NPH, "--fleming-harrington", "1"), "--fleming-harrington: must be two numbers, RHO,GA"),
        ((*NPH, "--fleming-harrington", "1,-1"), "--fleming-harrington: must be a finite number"),
        ((*NPH, "--modest-delay-months", "0"), "--modest-delay-months: must be a finite number"),
        ((*NPH, "--rmst-months", "30"), "--rmst-months: must be below the longest follow-up, 30"),
        ((*NPH, "--milestone-months", "31"), "--milestone-months: must be below the longest foll"),
        (
            (*NPH, "--maxcombo"),
            "--maxcombo: must combine 2 to 4 tests, the log-rank test one of them (given: 1); name "
            "others by --fleming-harrington or --modest-delay-months",
        ),
        (
            (*NPH, "--maxcombo", *(o for m in "3456" for o in ("--modest-delay-months", m))),
            "--maxcombo: must combine 2 to 4 tests, the log-rank test one of them (given: 5); leav",
        ),
        (("single-arm", *ARM), "--power: must be given, or patients instead (given: neither)"),
        (("single-arm", *ARM, "--patients", "0"), "--patients: must be a whole number of at leas"),
        (("simon", *ARM), "--power: must be given, or stages instead (given: neither)"),
        (("simon", *ARM, "--stages", "2,18"), "--stages: must be four whole numbers, r1,n1,r,n ("),
        (("simon", *ARM, "--stages", "18,2,6,35"), "--stages: must have 0 <= r1 < n1 < n and r1"),
        (
            ("simon", *ARM, "--power", "0.9", "--max-patients", "20"),
            "--max-patients: must be more: no two-stage design has a power of 0.9 at alpha 0.025",
        ),
        (
            ("two-sample", "--control-rate", "0.5", "--experimental-rate", "0.4", "--power", "0.9"),
            "--power: cannot be reached: the assumed effect does not favour the experimental arm",
        ),
    ],
)
def test_refusals_name_options(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ScenarioError) as caught:
        run(*arguments)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert capsys.readouterr().out == ""


def test_without_a_verb_it_lists_them() -> None:
    done = simulate("design")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: simulate design ")
    assert "\n  events  " in done.stdout


def test_a_wrong_option_names_the_help_of_its_own_command() -> None:
    done = simulate("design", "events", "--hr", "0.5")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("simulate: No such option ")
    assert done.stderr.endswith("(simulate design events --help lists the options)\n")


def test_bad_input_exits_with_2() -> None:
    done = simulate("design", "events", "--hazard-ratio", "1.2", "--power", "0.8")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "--hazard-ratio: must be below that of the null hypothesis, 1 (given: 1.2)\n"
    )


def test_a_verb_loads_no_engine() -> None:
    code = "import sys; from simulate.cli import cli; cli.main(sys.argv[1:], standalone_mode=False)"
    code += "; print('numba' in sys.modules, 'matplotlib' in sys.modules)"
    arguments = ["design", "events", "--hazard-ratio", "0.55", "--power", "0.8"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("False False\n")
