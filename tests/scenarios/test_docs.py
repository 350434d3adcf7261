"""The documentation is tried: scenarios load, Python prints what is shown, links lead somewhere."""

import re
import tomllib
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from simulate.calibration.load import evidence_from_dict
from simulate.errors import ScenarioError
from simulate.scenario.files import is_evidence
from simulate.scenario.load import load_scenario, scenario_from_dict

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))
SCENARIO_PAGE = ROOT / "docs" / "scenario-files.md"
EVIDENCE = ROOT / "scenarios" / "evidence" / "litespark-015.toml"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _blocks(page: Path) -> list[tuple[str, str]]:
    """Language and content of each block of code."""
    return [(match[1], match[2]) for match in BLOCK.finditer(_text(page))]


def _toml_cases() -> list[Any]:
    return [
        pytest.param(code, id=f"{page.stem}-{n}")
        for page in PAGES
        for n, (language, code) in enumerate(_blocks(page))
        if language == "toml"
    ]


def _python_cases() -> list[Any]:
    """Python blocks, each with the block of text after it: what it prints."""
    return [
        pytest.param(code, following[1], id=f"{page.stem}-{n}")
        for page in PAGES
        for n, ((language, code), following) in enumerate(pairwise([*_blocks(page), ("", "")]))
        if language == "python"
    ]


def _is_complete(toml: str) -> bool:
    return "schema_version" in tomllib.loads(toml)


def _smallest() -> str:
    """Return the smallest scenario, which the fragments and the Python examples build on."""
    return next(
        code
        for language, code in _blocks(SCENARIO_PAGE)
        if language == "toml" and _is_complete(code)
    )


def _completed(fragment: dict[str, Any]) -> dict[str, Any]:
    """Put the tables of a fragment in the place of those of the smallest scenario."""
    scenario = deepcopy(tomllib.loads(_smallest()))
    for name, arm in fragment.pop("arms", {}).items():
        scenario["arms"][name] |= arm
    return scenario | fragment


def _completed_evidence(fragment: dict[str, Any]) -> dict[str, Any]:
    """Put the tables of a fragment of evidence into the shipped file."""
    data = tomllib.loads(EVIDENCE.read_text(encoding="utf-8"))
    for name, table in fragment.items():
        data[name] |= table
    return data


@pytest.mark.parametrize("toml", _toml_cases())
def test_scenario_or_evidence_loads(toml: str) -> None:
    data = tomllib.loads(toml)
    if is_evidence(data) or {"figures", "model"} & set(data):
        evidence_from_dict(data if _is_complete(toml) else _completed_evidence(data))
        return
    scenario_from_dict(data if _is_complete(toml) else _completed(data))


@pytest.mark.parametrize(("code", "output"), _python_cases())
def test_python_prints_what_is_shown(
    code: str,
    output: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "small.toml").write_text(_smallest(), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "example", "exec"), {"__name__": "example"})
    assert capsys.readouterr().out == output


def test_error_messages_are_as_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = [line for line in _text(SCENARIO_PAGE).splitlines() if line.startswith("broken.toml:")]
    toml = _smallest().replace("patients = 200", 'patients = "200"')
    toml = toml.replace('control = "control" }', 'control = "contrl" }').replace("alpha", "alfa")
    (tmp_path / "broken.toml").write_text(toml, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ScenarioError) as caught:
        load_scenario("broken.toml")
    assert str(caught.value).splitlines() == shown


def test_there_are_examples() -> None:
    assert len(_toml_cases()) >= 20
    assert len(_python_cases()) >= 8


def _anchors(page: Path) -> set[str]:
    """Anchors that GitHub makes of the headings of a page."""
    headings = HEADING.findall(_text(page))
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(BLOCK.sub("", _text(page))):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        if anchor and target.suffix == ".md":
            assert anchor in _anchors(target), link
