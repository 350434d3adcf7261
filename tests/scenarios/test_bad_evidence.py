"""Every file of ``bad_evidence/`` must be refused with exactly what its first lines expect."""

from pathlib import Path

import pytest
from scenarios.test_bad_input import JARGON, expected_problems

from simulate.calibration.load import load_evidence
from simulate.errors import ScenarioError

BAD = sorted((Path(__file__).parent / "bad_evidence").glob("*.toml"))


def test_corpus_is_large() -> None:
    assert len(BAD) >= 60


@pytest.mark.parametrize("file", BAD, ids=lambda file: file.stem)
def test_bad_file_is_refused_as_expected(file: Path) -> None:
    expected = expected_problems(file)
    assert expected
    with pytest.raises(ScenarioError) as caught:
        load_evidence(file)
    problems = caught.value.problems
    assert [(p.where, p.path) for p in problems] == [
        (f"{file}:{n}", path) for n, path, _ in expected
    ]
    for problem, (_, _, rule) in zip(problems, expected, strict=True):
        assert rule in problem.rule
        message = str(problem).removeprefix(problem.where).replace("contradicts", "")
        assert not [word for word in JARGON if word in message]
        assert "\n" not in message
