"""How a replayed trial is told and drawn."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from rich.console import Console
from twins.feature_scenarios import (
    FEATURES,
    TWO_ARMS,
    dropping_out,
    events,
    exponential,
    feature_scenario,
    hypothesis,
)
from twins.slow_kaplan_meier import slow_at_risk, slow_survival

from simulate.errors import ScenarioError, SimulateError
from simulate.report.kaplan_meier import draw
from simulate.report.replay import check_csv_path, median_text, print_replay, save_csv
from simulate.results.replayed import ReplayedTrial, replay_trial
from simulate.scenario.endpoints import OF_PATIENTS


def printed(trial: ReplayedTrial, analysis: str | None = None, width: int = 140) -> str:
    file = io.StringIO()
    cut = trial.cut(analysis) if trial.last_analysis else None
    print_replay(trial, cut, Console(file=file, width=width))
    return file.getvalue()


def cells_after(text: str, label: str) -> list[str]:
    """Cells of the first row with a label, which two spaces keep apart."""
    line = next(line for line in text.splitlines() if line.startswith(label))
    return line.removeprefix(label).split()


# Text


def test_the_table_holds_each_looks_figures() -> None:
    trial = replay_trial(feature_scenario("stratified"), 7)
    text = printed(trial)
    interim, final, _ = trial.looks
    assert text.startswith("stratified\ntrial 7 of seed 20260101\n")
    assert "within: new against old, stratified log-rank test" in text
    assert cells_after(text, "calendar month") == [
        f"{look.cutoff:.2f}" for look in (interim, final)
    ]
    assert cells_after(text, "z  ") == [f"{look.z:.4f}" for look in (interim, final)]
    for counted in ("patients", "events", "dropouts"):
        by_arm = [
            [getattr(look, f"{counted}_{side}") for look in (interim, final)]
            for side in ("experimental", "control")
        ]
        assert cells_after(text, counted) == [str(sum(pair)) for pair in zip(*by_arm, strict=True)]
        rest = text[text.index(f"\n{counted}") :]
        assert cells_after(rest, "  new") == [str(n) for n in by_arm[0]]
        assert cells_after(rest, "  old") == [str(n) for n in by_arm[1]]
    ratio, low, high = final.hazard_ratio
    assert cells_after(text, "hazard ratio")[1] == f"{ratio:.4f}"
    assert cells_after(text, "  95% limits")[3:] == [f"{low:.4f}", "to", f"{high:.4f}"]
    assert cells_after(text, "conclusion") == ["not", "rejected", "not", "rejected"]


def test_all_arms_are_shown_at_the_chosen_analysis() -> None:
    trial = replay_trial(feature_scenario("three arms"), 7)
    text = printed(trial, "first")
    _, _, arms = text.partition("All arms at: first, calendar month 10.43\n")
    cut = trial.cut("first")
    assert cells_after(arms, "patients") == [str(sum(cut.arm == place)) for place in range(3)]
    assert cells_after(arms, "events") == [
        str(sum(cut.is_event[cut.arm == place])) for place in range(3)
    ]
    medians = [median_text(cut.curve(place).median_months) for place in range(3)]
    assert " ".join(cells_after(arms, "median PFS (Kaplan-Meier)")) == " ".join(medians)
    assert "not reached" in medians
    assert any(median.endswith(" months") for median in medians)


def test_what_did_not_exist_is_said() -> None:
    text = printed(replay_trial(feature_scenario("hardly any patients"), 7))
    assert "conclusion      not rejected  rejected  not held" in text
    for line in (
        "first: nothing to test",
        "second: hazard ratio infinite",
        "third: look not held",
        "third: number of events never reached",
    ):
        assert f"\n{line}\n" in text


def test_a_trial_without_looks_is_told_all_the_same() -> None:
    arms = {
        arm: {"pfs": exponential(900.0), "dropout": dropping_out(0.5)} for arm in ("new", "old")
    }
    never = {"final": {"trigger": events(90, "skip")}}
    text = printed(replay_trial(feature_scenario("plain", arms=arms, analyses=never), 0))
    assert cells_after(text, "conclusion") == ["not", "held"]
    assert text.endswith("\nNo analysis took place in this trial.\n")


@pytest.mark.parametrize("name", FEATURES)
@pytest.mark.parametrize("width", [40, 100])
def test_every_trial_can_be_printed_at_every_width(name: str, width: int) -> None:
    text = printed(replay_trial(feature_scenario(name), 1), width=width)
    assert "All arms at: " in text
    tables = [line for line in text.splitlines() if line.startswith(("calendar", "conclusion"))]
    # Estimates have lines, and no tables.
    assert bool(tables) == bool(feature_scenario(name).hypotheses)
    assert all(len(line) <= width for line in tables)


# Figure


class Drawn:
    """A figure caught before it is written."""

    def __init__(
        self,
        trial: ReplayedTrial,
        analysis: str | None,
        monkeypatch: pytest.MonkeyPatch,
        folder: Path,
    ) -> None:
        caught: list[Figure] = []
        with monkeypatch.context() as patch:
            patch.setattr(Figure, "savefig", lambda self, *_, **__: caught.append(self))
            draw(trial, trial.cut(analysis), str(folder / "figure.svg"))
        (self.figure,) = caught
        self.panels: list[Axes] = self.figure.axes


def points(line: Line2D) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    return np.asarray(line.get_xdata()), np.asarray(line.get_ydata())


@pytest.mark.parametrize("name", ["three arms", "ties, Efron", "events that never come"])
def test_curves_ticks_and_numbers_at_risk_are_those_of_the_twin(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scenario = feature_scenario(name)
    trial = replay_trial(scenario, 3)
    cut = trial.cut()
    panels = Drawn(trial, None, monkeypatch, tmp_path).panels
    tested = [look.hypothesis for look in trial.looks if look.analysis == cut.analysis]
    assert len(panels) == len(tested)
    for axes, chosen in zip(panels, tested, strict=True):
        pair = scenario.hypotheses[chosen].arms
        for n, arm in enumerate(pair.names):
            here = cut.arm == list(scenario.arms).index(arm)
            patients = list(
                zip(cut.months[here].tolist(), cut.is_event[here].tolist(), strict=True)
            )
            curve, ticks = axes.lines[2 * n], axes.lines[2 * n + 1]
            months, survival = points(curve)
            assert curve.get_drawstyle() == "steps-post"
            assert set(months) == {
                0.0,
                max(patients)[0],
                *(time for time, is_event in patients if is_event),
            }
            expected = [float(slow_survival(patients, month)) for month in months]
            np.testing.assert_allclose(survival, expected, rtol=1e-12)
            censored, height = points(ticks)
            assert sorted(censored) == sorted(time for time, is_event in patients if not is_event)
            expected = [float(slow_survival(patients, month)) for month in censored]
            np.testing.assert_allclose(height, expected, rtol=1e-12)
            at = axes.get_xticks()
            row = axes.texts[1 + n * (len(at) + 1) :][: len(at) + 1]
            assert row[0].get_text() == arm
            assert [t.get_text() for t in row[1:]] == [str(slow_at_risk(patients, m)) for m in at]
            assert [text.xy[0] for text in row[1:]] == list(at)  # type: ignore[attr-defined]


def test_words_of_the_figure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    arms = {"new": TWO_ARMS["new"] | {"label": "New $5 \\frac"}, "old": TWO_ARMS["old"]}
    labelled = hypothesis("new", "old", "final") | {"label": "Progression-free survival"}
    scenario = feature_scenario("plain", arms=arms, hypotheses={"test": labelled})
    trial = replay_trial(scenario, 31_415)
    (look,) = trial.looks
    drawn = Drawn(trial, None, monkeypatch, tmp_path)
    (axes,) = drawn.panels
    assert drawn.figure.get_suptitle() == (
        f"plain\nTrial 31,415 of seed 20260101, at: final (calendar month {look.cutoff:.1f})"
    )
    ratio, low, high = look.hazard_ratio
    assert axes.get_title() == (
        "Progression-free survival\n"
        f"hazard ratio {ratio:.3f} (95% limits {low:.3f} to {high:.3f}), z {look.z:.2f}: "
        f"{look.verdict}"
    )
    assert axes.get_xlabel() == "months from randomisation"
    legend = axes.get_legend()
    assert legend is not None
    cut = trial.cut()
    assert [text.get_text() for text in legend.get_texts()] == [
        f"{label}\nmedian {median_text(cut.curve(place).median_months)}; "
        f"{counts[0]} events in {counts[1]} patients"
        for place, (label, counts) in enumerate(
            (
                ("New $5 \\frac", (look.events_experimental, look.patients_experimental)),
                ("old", (look.events_control, look.patients_control)),
            )
        )
    ]
    # Told apart without colour too.
    assert axes.lines[0].get_linestyle() != axes.lines[2].get_linestyle()


def test_a_hypothesis_not_tested_at_the_analysis_has_no_panel(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trial = replay_trial(feature_scenario("three arms"), 7)
    for analysis, names in (("first", ["high", "doses"]), ("second", ["high", "low"])):
        panels = Drawn(trial, analysis, monkeypatch, tmp_path).panels
        assert [axes.get_title().split("\n")[0] for axes in panels] == names


def test_without_events_or_an_estimate_that_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    none = replay_trial(feature_scenario("hardly any patients"), 7)
    (axes,) = Drawn(none, "first", monkeypatch, tmp_path).panels
    assert axes.get_title() == "across\nnothing to test: not rejected"
    legend = axes.get_legend()
    assert legend is not None
    assert legend.get_texts()[0].get_text() == "new\nmedian not reached; 0 events in 0 patients"
    unestimated = replay_trial(feature_scenario("evenly spaced in steps"), 0)
    (axes,) = Drawn(unestimated, None, monkeypatch, tmp_path).panels
    assert axes.get_title().startswith("test\nz ")


@pytest.mark.parametrize(
    ("month", "ticks"),
    [
        (0.085, [0.01 * n for n in range(9)]),
        (11.0, [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]),
        (24.5, [0.0, 3.0, 6.0, 9.0, 12.0, 15.0, 18.0, 21.0, 24.0]),
        (45.0, [0.0, 6.0, 12.0, 18.0, 24.0, 30.0, 36.0, 42.0]),
        (100.0, [12.0 * year for year in range(9)]),
    ],
)
def test_ticks_are_round_months_or_years(
    month: float, ticks: list[float], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # All enter within a tiny part of a month, and someone lives on to the cutoff.
    scenario = feature_scenario(
        "plain",
        arms={arm: {"pfs": exponential(1e4)} for arm in ("new", "old")},
        accrual={"patients": 90, "arrivals": "evenly_spaced", "rate_per_month": 1e6},
        analyses={"final": {"trigger": {"calendar_months": month + 1e-6}}},
    )
    (axes,) = Drawn(replay_trial(scenario, 0), None, monkeypatch, tmp_path).panels
    np.testing.assert_allclose(axes.get_xticks(), ticks, atol=1e-12)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if number % 3 else [])
        for number, name in enumerate(FEATURES)
    ],
)
def test_every_trial_can_be_drawn(name: str, tmp_path: Path) -> None:
    scenario = feature_scenario(name)
    trial = replay_trial(scenario, 1)
    here = [look.hypothesis for look in trial.looks if look.analysis == trial.cut().analysis]
    if not any(
        scenario.hypotheses[h].endpoint in OF_PATIENTS for h in here if h in scenario.hypotheses
    ):
        with pytest.raises(ScenarioError, match="needs an analysis with a hypothesis about a time"):
            draw(trial, trial.cut(), str(tmp_path / "a.svg"))
        return
    draw(trial, trial.cut(), str(tmp_path / "a.svg"))
    assert (tmp_path / "a.svg").read_text(encoding="utf-8").count("<path") > 10


@pytest.mark.parametrize("name", ["plain", "three arms", "joint through scans"])
def test_equal_trials_are_equal_files(name: str, tmp_path: Path) -> None:
    scenario = feature_scenario(name)
    for file in ("a.svg", "b.svg"):
        trial = replay_trial(scenario, 1)
        draw(trial, trial.cut(), str(tmp_path / file))
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_texts_lie_within_the_figure_and_apart(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Dollars are no formula: this one could not be set.
    long = "An arm of $\\frac$ with quite a long name, given once daily until progression or worse"
    arms = {"new": TWO_ARMS["new"] | {"label": long}, "old": TWO_ARMS["old"] | {"label": long}}
    scenario = feature_scenario("plain", arms=arms).model_copy(update={"title": "A title " * 40})
    figure = Drawn(replay_trial(scenario, 0), None, monkeypatch, tmp_path).figure
    figure.draw_without_rendering()
    (axes,) = figure.axes
    legend = axes.get_legend()
    assert legend is not None
    below = [*axes.texts, *axes.get_xticklabels(), axes.xaxis.label]
    boxes = [
        text.get_window_extent()
        for text in (*below, *legend.get_texts(), *figure.texts, axes.title)
    ]
    assert len(boxes) > 20
    assert all(figure.bbox.contains(*corner) for box in boxes for corner in (box.min, box.max))
    overlapping = [
        (boxes[i], boxes[j])
        for j in range(len(boxes))
        for i in range(j)
        if boxes[i].overlaps(boxes[j])
    ]
    assert not overlapping


def test_what_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    trial = replay_trial(feature_scenario("plain"), 0)
    for name in ("x.png", "x.csv"):
        (tmp_path / name).mkdir()
    with pytest.raises(SimulateError, match=r"cannot write .*x\.png: "):
        draw(trial, trial.cut(), str(tmp_path / "x.png"))
    with pytest.raises(SimulateError, match=r"cannot write .*x\.csv: "):
        save_csv(trial, trial.cut(), str(tmp_path / "x.csv"))


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("patients.txt", r"must be - or end in \.csv"),
        ("patients", r"must be - or end in \.csv"),
        ("no/such/patients.csv", "must be in a folder that exists"),
    ],
)
def test_a_path_that_is_no_csv_is_refused(path: str, words: str) -> None:
    with pytest.raises(ScenarioError, match=rf"^--csv: {words} \(given: {path}\)$"):
        check_csv_path(path)
    check_csv_path("patients.CSV")
    check_csv_path("-")
