"""Every file of ``bad/`` must be refused with exactly the problems that its first lines expect.

An expectation is a comment ``# expect: LINE: PATH: RULE``: the line and the path are compared
whole, the rule as a part of the message's; a path of ``-`` is the whole file's.
"""

from pathlib import Path

import pytest

from simulate.errors import ScenarioError
from simulate.scenario.load import load_scenario

BAD = sorted((Path(__file__).parent / "bad").glob("*.toml"))
JARGON = ("Input should", "pydantic", "union", "tuple", "dict", "NoneType", "validation")


def expected_problems(file: Path) -> list[tuple[str, str, str]]:
    """Line, path and rule of each problem that the first lines of a file expect."""
    prefix = "# expect: "
    lines = [line for line in file.read_text().splitlines() if line.startswith(prefix)]
    parts = [line.removeprefix(prefix).split(": ", 2) for line in lines]
    return [(line, "" if path == "-" else path, rule) for line, path, rule in parts]


def test_corpus_is_large() -> None:
    assert len(BAD) >= 120


@pytest.mark.parametrize("file", BAD, ids=lambda file: file.stem)
def test_bad_file_is_refused_as_expected(file: Path) -> None:
    expected = expected_problems(file)
    assert expected
    with pytest.raises(ScenarioError) as caught:
        load_scenario(file)
    problems = caught.value.problems
    assert [(p.where, p.path) for p in problems] == [
        (f"{file}:{n}", path) for n, path, _ in expected
    ]
    for problem, (_, _, rule) in zip(problems, expected, strict=True):
        assert rule in problem.rule
        message = str(problem).removeprefix(problem.where)
        assert not [word for word in JARGON if word in message]
        assert "\n" not in message
