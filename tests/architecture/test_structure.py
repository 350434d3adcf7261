"""Imports run one way, start-up is light, and the README says what the Makefile does."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "simulate"

# A room may import itself and the rooms named here, nothing else of the package.
MAY_IMPORT = {
    "errors": set[str](),
    "engine": set[str](),
    "scenario": {"errors"},
    "design": {"scenario", "errors"},
    "runner": {"engine", "design", "scenario", "errors"},
    "calibration": {"runner", "engine", "design", "scenario", "errors"},
    "results": {"runner", "engine", "design", "scenario", "errors"},
    "studies": {"results", "runner", "engine", "design", "scenario", "errors"},
    "report": {
        *("studies", "results", "calibration", "runner", "engine", "design", "scenario"),
        "errors",
    },
    "api": {
        *("report", "studies", "results", "calibration", "runner", "engine", "design", "scenario"),
        "errors",
    },
    "cli": {
        *("api", "report", "studies", "results", "calibration", "runner", "engine", "design"),
        *("scenario", "errors"),
    },
}
SOURCES = sorted(PACKAGE.rglob("*.py"))
# `simulate --help` has no use for these.
HEAVY = {"numpy", "numba", "scipy", "pydantic", "pyarrow", "matplotlib", "joblib", "pandas", "rich"}


def room_of(source: Path) -> str:
    """First part of a module's name inside the package."""
    return source.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(source: Path) -> list[tuple[int, str]]:
    """Line and full name of every module that a source imports, wherever in the file."""
    found = []
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source}:{node.lineno}: imports are absolute"
            module = node.module or ""
            names = [f"simulate.{alias.name}" for alias in node.names]
            found += [(node.lineno, n) for n in (names if module == "simulate" else [module])]
    return found


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_one_way(source: Path) -> None:
    room = room_of(source)
    if room == "__init__":
        return
    allowed = MAY_IMPORT[room] | {room}
    wrong = [
        f"{source.relative_to(ROOT)}:{line}: {room} must not import {name}"
        for line, name in imported(source)
        if name.startswith("simulate.")
        and name != "simulate.__version__"
        and name.split(".")[1] not in allowed
    ]
    assert not wrong


def test_only_the_packer_imports_scenario_and_engine_to_translate() -> None:
    both = [
        source.relative_to(PACKAGE).as_posix()
        for source in SOURCES
        if room_of(source) == "runner"
        and {"engine", "scenario"} <= {n.split(".")[1] for _, n in imported(source) if "." in n}
    ]
    # The manifest names versions of both: of the random numbers, of scenario files.
    packing = {name for name in both if name.startswith("runner/pack/")}
    assert set(both) - packing <= {"runner/warmup.py", "runner/manifest.py"}


def test_every_room_is_known() -> None:
    rooms = {room_of(source) for source in SOURCES} - {"__init__"}
    assert rooms == set(MAY_IMPORT)


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from simulate.cli import main\n"
        "sys.argv = ['simulate', '--help']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "print('MODULES', *sorted(m.split('.')[0] for m in sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Simulate confirmatory clinical trials" in done.stdout
    loaded = set(done.stderr.split("MODULES", 1)[1].split())
    assert "click" in loaded
    assert not loaded & HEAVY


def test_a_small_run_loads_nothing_slow_that_it_does_not_need() -> None:
    code = (
        "import sys\n"
        "from simulate.cli import main\n"
        "sys.argv = ['simulate', 'run', 'benchmarks/w1.toml', '--trials', '1000', '--quiet']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "print('MODULES', *sorted(sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(done.stderr.split("MODULES", 1)[1].split())
    assert "numba" in loaded
    assert not loaded & {"scipy.stats", "matplotlib", "joblib", "pandas"}


def test_package_loads_nothing_heavy_until_used() -> None:
    code = "import sys, simulate; print(*sorted(m.split('.')[0] for m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & HEAVY


def test_public_names_stay_what_they_are() -> None:
    # A submodule of the same name would take the place of a public function once imported.
    code = (
        "import simulate\n"
        "import simulate.cli, simulate.api, simulate.report.text, simulate.runner.warmup\n"
        "assert callable(simulate.run), simulate.run\n"
        "for name in simulate.__all__: assert callable(getattr(simulate, name)), name\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_mutable_module_state() -> None:
    wrong = []
    for source in SOURCES:
        for node in ast.parse(source.read_text(encoding="utf-8")).body:
            targets = node.targets if isinstance(node, ast.Assign) else []
            for target in targets:
                if isinstance(target, ast.Name) and not (
                    target.id.isupper() or target.id.startswith("__") or target.id[0].isupper()
                ):
                    value = node.value if isinstance(node, ast.Assign) else None
                    if isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp):
                        wrong.append(f"{source.relative_to(ROOT)}:{node.lineno}: {target.id}")
    assert not wrong


def test_readme_shows_the_commands_that_make_runs() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    dry = subprocess.run(
        [
            "make",
            "--dry-run",
            "--no-print-directory",
            "PYTHON=python3",
            "VENV=fresh",
            "study",
            "test",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    plain = [
        line.replace("fresh/", ".venv/").replace(" fresh", " .venv")
        for line in dry.splitlines()
        if re.match(r"(python3|fresh/bin/\w+) ", line) and "import" not in line
    ]
    assert len(plain) == 5
    missing = [line for line in plain if line.replace(" --quiet", "") not in readme]
    assert not missing


def test_nothing_names_the_outside() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    words = ["/" + "work/", "../" + "shared", "." + "library/"]
    wrong = [
        f"{name}: {word}"
        for name in tracked
        if name.endswith((".py", ".md", ".toml", ".json", "run", "Makefile"))
        for word in words
        if word in (ROOT / name).read_text(encoding="utf-8")
    ]
    assert not wrong
