"""simulate check and simulate schema on evidence files, as their users meet them."""

from __future__ import annotations

from pathlib import Path

from cli.commands import BASE, ROOT, simulate

LITESPARK = "scenarios/evidence/litespark-015.toml"


def test_check_tells_what_evidence_fixes_and_leaves_open() -> None:
    done = simulate("check", LITESPARK)
    assert done.stdout.count("up to 7 days") == 1
    assert done.returncode == 0, done.stderr
    for words in (
        "19/72, by its interval",
        "61/72, by its interval",
        "10/19, by rounding",
        "61 - 19 = 42",
        "72 - 61 = 11",
        "constant hazard 0.0311 a month (95% up to 0.0502, by its interval)",
        "constant hazard 0.0114 a month",
        "One endpoint alone, progression as the scans show it",
        "extrapolation: the longest follow-up is 37.6",
        "os_24: no interval",
        "[inferred]",
        "No figure contradicts another.",
    ):
        assert words in done.stdout
    assert "Traceback" not in done.stderr


def test_shapes_are_found_by_simulation() -> None:
    done = simulate("check", "scenarios/evidence/firstmappp-sunitinib.toml", "--shapes")
    assert done.returncode == 0, done.stderr
    assert "14/39, by its interval" in done.stdout
    assert "pfs_median: Weibull shape 0.8" in done.stdout


def test_a_contradiction_is_one_line_and_exit_code_2() -> None:
    done = simulate("check", LITESPARK, "--set", "figures.os_median.months=20.0")
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "figures.os_median: contradicts figures.os_24: a survival curve never rises" in line


def test_evidence_is_not_run_and_a_scenario_has_no_shapes() -> None:
    done = simulate("run", LITESPARK)
    assert done.returncode == 2
    assert "must be a scenario: this is published evidence" in done.stderr
    done = simulate("check", BASE, "--shapes")
    assert done.returncode == 2
    assert "--shapes is for evidence files" in done.stderr


def test_schema_is_the_shipped_one() -> None:
    done = simulate("schema", "--evidence")
    assert done.stdout == (ROOT / "docs" / "evidence-schema-v1.json").read_text(encoding="utf-8")


def test_a_file_that_is_neither(tmp_path: Path) -> None:
    file = tmp_path / "neither.toml"
    file.write_text("x = 1\n")
    done = simulate("check", str(file))
    assert done.returncode == 2
    assert "unknown key" in done.stderr
