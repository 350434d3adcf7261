"""The comparison with R packages: what it reads, what it calls agreement, and what it says."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers import compare
from benchmarks.peers.compare import (
    PEERS,
    Answer,
    disagreements,
    main,
    parse_answer,
    pooled,
    report,
    run_ours,
    take_turns,
    what_is_missing,
)

RPACT = PEERS[0]
# First rejections of W2 by look, to three digits.
W2 = (0.205, 0.402, 0.244)


def answer(n_trials: int = 10_000, by_look: tuple[float, ...] = W2, **changes: Any) -> Answer:
    values: dict[str, Any] = {
        "version": "1.0",
        "n_trials": n_trials,
        "cpu_seconds": 2.0,
        "rejection": sum(by_look),
        "first_rejections": by_look,
        "expected_events": 159.4,
    }
    return Answer(**(values | changes))


def printed(**changes: Any) -> str:
    values = {
        "package": "rpact",
        "version": "3.3.4",
        "workload": "w2",
        "n_trials": 10_000,
        "cpu_seconds": 2.0,
        "rejection": sum(W2),
        "first_rejections": W2,
        "expected_events": 159.4,
    }
    return json.dumps(values | changes) + "\n"


def fake_rscript(folder: Path, body: str) -> None:
    """Put a program named Rscript into ``folder``: Python code that stands for R."""
    script = folder / "Rscript"
    script.write_text(f"#!{sys.executable}\nimport sys\n{body}\n", encoding="utf-8")
    script.chmod(0o755)


def test_an_answer_is_the_last_line() -> None:
    found = parse_answer("a message of R\n" + printed(), "rpact", "w2")
    assert found == answer(version="3.3.4")
    assert found.trials_per_second == 5_000.0


def test_expected_events_may_be_missing() -> None:
    assert parse_answer(printed(expected_events=None), "rpact", "w2").expected_events is None


@pytest.mark.parametrize("text", ["", "Error in library(rpact)\n"])
def test_what_is_no_answer_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        parse_answer(text, "rpact", "w2")


@pytest.mark.parametrize("other", [{"package": "lrstat"}, {"workload": "w1"}])
def test_the_answer_to_another_question_is_refused(other: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="not an answer of rpact to w2"):
        parse_answer(printed(**other), "rpact", "w2")


def test_rounds_are_pooled_by_their_trials() -> None:
    found = pooled(
        [
            answer(1_000, (0.2, 0.4), expected_events=150.0),
            answer(3_000, (0.4, 0.4), expected_events=170.0),
        ]
    )
    assert (found.n_trials, found.cpu_seconds) == (4_000, 4.0)
    assert found.first_rejections == pytest.approx((0.35, 0.4))
    assert found.rejection == pytest.approx(0.75)
    assert found.expected_events == pytest.approx(165.0)
    assert pooled([answer(), answer(expected_events=None)]).expected_events is None


def test_equal_answers_agree() -> None:
    assert disagreements(answer(), answer()) == []


def test_none_and_all_of_the_trials_can_agree() -> None:
    assert disagreements(answer(10, (0.0,)), answer(10, (0.0,))) == []
    assert disagreements(answer(10, (1.0,)), answer(10, (1.0,))) == []
    # Ten of ten where 86% are expected: within the error of ten trials.
    assert disagreements(answer(10, (1.0,)), answer(100_000, (0.86,))) == []


@pytest.mark.parametrize(("errors", "agrees"), [(3.9, True), (4.1, False)])
def test_four_standard_errors_are_the_limit(errors: float, agrees: bool) -> None:
    # The standard error of the difference of two proportions near 0.5, 20,000 trials each.
    difference = errors * 0.5 * (2 / 20_000) ** 0.5
    ours = answer(20_000, (0.5 + difference / 2,))
    assert (disagreements(answer(20_000, (0.5 - difference / 2,)), ours) == []) == agrees


def test_a_disagreement_at_one_look_is_named() -> None:
    # The same power, spent at other looks.
    wrong = disagreements(answer(100_000), answer(100_000, (0.245, 0.362, 0.244)))
    assert [line.split(":")[0] for line in wrong] == ["look 1", "look 2"]
    assert "0.20500 and 0.24500 differ by 0.04000" in wrong[0]


def test_another_number_of_looks_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        disagreements(answer(), answer(by_look=(0.85,)))


def test_the_report_shows_both_sides_and_the_median_ratio() -> None:
    theirs = [answer(cpu_seconds=s) for s in (1.0, 2.0, 4.0)]
    ours = [answer(cpu_seconds=0.2, version="0.1") for _ in theirs]
    text = report(RPACT, "w2", theirs, ours)
    title, them, us, ratio = text.splitlines()
    assert title.startswith("W2, arrivals evenly spaced")
    assert them.split()[:4] == ["rpact", "1.0", "30,000", "5,000"]
    assert us.split()[:4] == ["simulate", "0.1", "30,000", "50,000"]
    assert ratio == "ratio of trials a second: 10.0"


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_every_peer_has_its_script(peer: compare.Peer) -> None:
    assert (compare.HERE / f"{peer.name}.R").is_file()


def test_without_r_one_line_a_package_and_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(PEERS)
    assert lines[0] == (
        "rpact: not compared, there is no R (Rscript) here; Debian: apt install r-cran-rpact"
    )


def test_without_the_package_one_line_and_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_rscript(tmp_path, "sys.exit(1)")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(PEERS)
    assert lines[1] == (
        "lrstat: not compared, the R package is not installed here; "
        'in R: install.packages("lrstat")'
    )


def test_a_package_that_answers_is_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_rscript(tmp_path, f"print({printed()!r})")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert what_is_missing(RPACT) == ""
    theirs, ours = take_turns(RPACT, "w2", 10_000, our_trials=5_000, rounds=2)
    assert [a.n_trials for a in theirs + ours] == [10_000, 10_000, 5_000, 5_000]
    assert ours[0].rejection != ours[1].rejection  # another seed each round
    assert disagreements(pooled(theirs), pooled(ours)) == []


def test_a_package_that_disagrees_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # It says 0.9 to every question.
    body = (
        "import json\n"
        "if sys.argv[1] == '-e': sys.exit('rpact' not in sys.argv[2])\n"
        "looks = {'w1': [0.9], 'w2': [0.3, 0.3, 0.3]}[sys.argv[2]]\n"
        "print(json.dumps(dict(package='rpact', version='0', workload=sys.argv[2],\n"
        "    n_trials=int(sys.argv[3]), cpu_seconds=1.0, rejection=0.9, first_rejections=looks,\n"
        "    expected_events=None)))"
    )
    fake_rscript(tmp_path, body)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(compare, "OUR_TRIALS", 5_000)
    assert main(["--trials", "20000", "--rounds", "1"]) == 1
    out = capsys.readouterr().out
    assert "overall: rejection probabilities 0.90000 and" in out
    assert "the rejection probabilities agree" not in out


def test_a_script_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_rscript(tmp_path, "sys.exit('Error: object of type closure is not subsettable')")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match=r"(?s)Rscript rpact.R w1 10 1 failed.*not subsettable"):
        compare.run_peer(RPACT, "w1", 10, 1)


def test_ours_can_take_arrivals_as_a_poisson_process() -> None:
    evenly = run_ours(RPACT, "w1", 500, 1)
    poisson = run_ours(RPACT._replace(arrivals="poisson"), "w1", 500, 1)
    assert evenly.first_rejections == (evenly.rejection,)
    assert evenly.expected_events == poisson.expected_events == 200.0
    assert evenly.rejection != poisson.rejection
