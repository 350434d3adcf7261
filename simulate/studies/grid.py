"""The cells of a study: every combination of its axes' values, each a scenario of its own."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, NamedTuple

from simulate.errors import Problem, ScenarioError
from simulate.scenario.effects import null_holds
from simulate.scenario.files import Places, Tables, tables_of
from simulate.scenario.load import read_scenario, scenario_of
from simulate.scenario.models import Scenario
from simulate.scenario.overrides import set_value
from simulate.scenario.reading import UNKNOWN_KEY, Finding, Path, path_text
from simulate.scenario.study import (
    Axis,
    Study,
    Value,
    discount_path,
    held_ratio_path,
    matches,
    set_by,
    split_path,
    value_text,
)

MOST_CELLS = 1_000
MOST_LISTED = 3
LONGEST_NAME = 120
# Not the shell's nor a file system's own.
UNSAFE = re.compile(r"[^A-Za-z0-9._+=,-]")
# So that a ratio of two medians has the same digits on every machine, and reads well.
RATIO_DIGITS = 12


@dataclass(frozen=True)
class Cell:
    """One combination of a study's values.

    Attributes
    ----------
    name : str
        ``control_median=8.9,accrual=2``: also that of its folder.
    values : dict of str to value
        By axis; of an axis of points, the name of the point.
    settings : dict of str to object
        What was set in the scenario, by dotted path; None for what was removed.
    scenario : Scenario
        The study's scenario with these settings, without the study.
    null_holds : dict of str to bool or None
        By hypothesis: whether it is null in this cell, by its own null value or as the study marks
        it; None where that cannot be told.
    """

    name: str
    values: dict[str, Value]
    settings: dict[str, Any]
    scenario: Scenario
    null_holds: dict[str, bool | None]


@dataclass(frozen=True)
class Grid:
    """A study before anything is simulated.

    Attributes
    ----------
    scenario : Scenario
        The scenario of the file, with the study in it.
    study : Study
        The study.
    cells : tuple of Cell
        The first axis varies slowest.
    n_skipped : int
        Combinations left out.
    held_medians : dict of str to float
        By axis, the median in months that stays while the control's changes.
    """

    scenario: Scenario
    study: Study
    cells: tuple[Cell, ...]
    n_skipped: int
    held_medians: dict[str, float]

    @property
    def reference(self) -> Cell | None:
        """The cell from which differences are told, if one is named."""
        entry = self.study.reference
        if entry is None:
            return None
        return next(cell for cell in self.cells if matches(entry, cell.values))


def load_grid(
    source: str | os.PathLike[str] | Mapping[str, Any],
    overrides: Sequence[str] = (),
    most_cells: int = MOST_CELLS,
) -> Grid:
    """Make the cells of a study, and find all that is wrong with any of them.

    Parameters
    ----------
    source : path or mapping
        The scenario file with a table ``[study]``, or its tables.
    overrides : sequence of str
        ``path=value`` each, over the values of a file.
    most_cells : int
        How many cells may be made.

    Returns
    -------
    Grid

    Raises
    ------
    ScenarioError
        If the scenario is wrong, has no study, or has too many cells; if a scenario cannot be made
        for some cells, with each rule that is broken, once, and the cells that break it.
    """
    tables = tables_of(source) if isinstance(source, Mapping) else read_scenario(source, overrides)
    scenario = scenario_of(tables)
    study = scenario.study
    if study is None:
        raise _refused(tables, ("study",), "required table is missing", "docs/studies.md tells how")
    _check_overrides(tables, scenario, study)
    n_cells = study.n_combinations
    if n_cells > most_cells:
        rule = f"must have at most {most_cells:,} combinations"
        remedy = "take fewer values, or allow more with --max-cells (most_cells in Python)"
        raise _refused(tables, ("study", "axes"), rule, remedy, f"{n_cells:,}")
    chosen = _chosen(tables, study)
    makers = _Makers(tables, scenario, study)
    cells = tuple(makers.cells(chosen))
    _check_marks(tables, study, cells)
    return Grid(scenario, study, cells, n_cells - len(chosen), makers.held)


Combination = dict[str, Value]


def _chosen(tables: Tables, study: Study) -> list[Combination]:
    """Combinations that no entry of `skip` leaves out; each entry must leave out one more."""
    axes = study.axes
    left = [
        dict(zip(axes, levels, strict=True))
        for levels in product(*(axis.levels for axis in axes.values()))
    ]
    for i, entry in enumerate(study.skip):
        kept = [values for values in left if not matches(entry, values)]
        if len(kept) == len(left):
            rule = "must leave out a combination that is not left out already"
            raise _refused(tables, ("study", "skip", i), rule)
        left = kept
    if not left:
        raise _refused(tables, ("study", "skip"), "must leave a cell")
    return left


class _Change(NamedTuple):
    """A value that a cell sets: where, what (None: nothing), and where that is written."""

    path: Path
    value: Any
    written: Path


class _Makers:
    """Makes the scenarios of cells, and keeps what is wrong with them."""

    def __init__(self, tables: Tables, scenario: Scenario, study: Study) -> None:
        self.tables = tables
        self.study = study
        self.with_states = {name for name, arm in scenario.arms.items() if arm.states is not None}
        self.held = {
            name: _held_median(axis, tables.data)
            for name, axis in study.axes.items()
            if axis.hold_median_of is not None
        }
        base = {k: v for k, v in tables.data.items() if k not in {"study", "plug_in"}}
        self.base: dict[str, Any] = _changeable(base)
        self.title = scenario.title

    def cells(self, chosen: Sequence[Combination]) -> Iterator[Cell]:
        """Cells of all combinations, in order.

        Raises
        ------
        ScenarioError
            If some cannot be made.
        """
        problems: dict[Problem, list[str]] = {}
        for values in chosen:
            try:
                yield self._cell(values)
            except ScenarioError as error:
                for problem in error.problems:
                    problems.setdefault(problem, []).append(cell_name(values))
        if problems:
            raise ScenarioError(_of_cells(problems, len(chosen)))

    def _cell(self, values: Combination) -> Cell:
        name = cell_name(values)
        data = _changeable(self.base)
        changes = [c for axis, level in values.items() for c in self._changes(axis, level)]
        written = dict(self.tables.places.written)
        settings = {}
        for change in changes:
            path, rule = set_value(data, [str(part) for part in change.path], change.value)
            if rule:
                raise _refused(self.tables, change.written, f"{path_text(path)}: {rule}", given="")
            settings[path_text(path)] = change.value
            written[path] = self._place(change.written)
        # Only now: the shape of the control may have been set by another axis.
        for axis_name, held in self.held.items():
            axis = self.study.axes[axis_name]
            path = held_ratio_path(axis)
            ratio = _held_ratio(axis, values[axis_name], held, data)
            set_value(data, [str(part) for part in path], ratio)
            settings[path_text(path)] = ratio
            written[path] = self._place(("study", "axes", axis_name, "hold_median_of"))
        data["title"] = f"{self.title} [{name}]"
        places = replace(self.tables.places, written=written)
        scenario = scenario_of(Tables(data, places, []))
        return Cell(name, values, settings, scenario, self._null_holds(scenario, values))

    def _changes(self, name: str, level: Value) -> Iterator[_Change]:
        """What a value of an axis sets."""
        axis = self.study.axes[name]
        at: Path = ("study", "axes", name)
        if axis.points is not None:
            for text, value in axis.points[str(level)].items():
                written = (*at, "points", str(level), text)
                yield _Change(split_path(text), _changeable(value), written)
            return
        written = (*at, "values", axis.levels.index(level))
        if axis.discount_of is not None:
            path = discount_path(axis.discount_of, axis.discount_of in self.with_states)
            # A discount of 1 is none, and the scenario the one without it.
            is_none = isinstance(level, int | float) and level == 1
            yield _Change(path, None if is_none else level, written)
            return
        for path in set_by(axis, self.with_states):
            if axis.hold_median_of is None or path != held_ratio_path(axis):
                yield _Change(path, level, written)

    def _place(self, written: Path) -> str:
        """Where in the file a cell's value was written."""
        return self.tables.places.of(Finding(written, ""))[1]

    def _null_holds(self, scenario: Scenario, values: Combination) -> dict[str, bool | None]:
        """Whether each hypothesis is null: as its arms say; where they cannot, as marked.

        A hypothesis of one arm is about a null value from outside, and a drug without an effect may
        still beat it: there a mark says more than the value.
        """
        is_marked = any(self.study.axes[name].is_null_at(level) for name, level in values.items())
        found: dict[str, bool | None] = {}
        for name, hypothesis in scenario.hypotheses.items():
            holds = null_holds(scenario, name)
            is_open = holds is None or hypothesis.arms.control is None
            found[name] = True if is_marked and is_open else holds
        return found


def _held_median(axis: Axis, data: Mapping[str, Any]) -> float:
    """Median that stays, in months: the one given, or that of the scenario of the file."""
    if axis.held_median_months is not None:
        return axis.held_median_months
    table, shape = _control_table(axis, data)
    path = held_ratio_path(axis)
    ratio = data["arms"][path[1]][path[2]]["hazard_ratio"]
    return float(table["median_months"] * ratio ** (-1.0 / shape))


def _held_ratio(axis: Axis, median: Value, held: float, data: Mapping[str, Any]) -> float:
    """Hazard ratio at which the arm has its median while the control has another.

    Of one shape k, S(t) = 0.5^((t / median)^k), the hazards are as the medians to the power -k:
    the ratio is (control's median / held median)^k. For a median or a shape that is none it is 1:
    the scenario's own rules say what is wrong with those.
    """
    _, shape = _control_table(axis, data)
    is_sound = all(
        isinstance(value, int | float) and not isinstance(value, bool) and value > 0
        for value in (median, shape)
    )
    if not is_sound:
        return 1.0
    ratio = (float(median) / held) ** float(shape)
    return float(f"{ratio:.{RATIO_DIGITS}g}")


def _control_table(axis: Axis, data: Mapping[str, Any]) -> tuple[Mapping[str, Any], Any]:
    """The control's table whose median is set, and the shape of its distribution."""
    _, arm, endpoint, _ = split_path(axis.path or "")
    table = data["arms"][arm][endpoint]
    return table, table.get("shape", 1.0) if table.get("distribution") == "weibull" else 1.0


def cell_name(values: Combination) -> str:
    """Name of a combination, safe as that of a folder."""
    whole = ",".join(f"{axis}={value_text(level)}" for axis, level in values.items())
    name = UNSAFE.sub("_", whole)[:LONGEST_NAME]
    if name == whole:
        return name
    return f"{name}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}"


def _changeable(value: Any) -> Any:
    """Copy of tables and arrays in which values can be set."""
    if isinstance(value, Mapping):
        return {key: _changeable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_changeable(item) for item in value]
    return value


def _check_overrides(tables: Tables, scenario: Scenario, study: Study) -> None:
    """Refuse values of the command line that an axis sets anew: nothing would come of them."""
    states = [name for name, arm in scenario.arms.items() if arm.states is not None]
    problems = [
        Problem(path_text(path), f"is set by the study's axis '{name}'", where=option)
        for name, axis in study.axes.items()
        for path, option in tables.places.written.items()
        if any(path[: len(own)] == own for own in set_by(axis, states))
    ]
    if problems:
        raise ScenarioError(problems)


def _check_marks(tables: Tables, study: Study, cells: Sequence[Cell]) -> None:
    """Refuse marks that change nothing: where two arms are compared, their effect says it."""
    for name, axis in study.axes.items():
        if axis.null_holds is None:
            continue
        marked = [cell for cell in cells if axis.is_null_at(cell.values[name])]
        if not any(
            hypothesis.arms.control is None or null_holds(cell.scenario, h) is None
            for cell in marked
            for h, hypothesis in cell.scenario.hypotheses.items()
        ):
            rule = "marks nothing: whether two arms differ is known without it"
            remedy = "leave it out; rejections are reported as type I error where they do not"
            raise _refused(tables, ("study", "axes", name, "null_holds"), rule, remedy)


def _of_cells(problems: Mapping[Problem, Sequence[str]], n_cells: int) -> list[Problem]:
    """Problems, each with the cells that have it.

    A key that does not exist is one problem, whatever values it was given: it hides all else.
    """
    unknown: dict[str, tuple[Problem, list[str]]] = {}
    for problem, names in problems.items():
        if problem.rule == UNKNOWN_KEY:
            first = replace(problem, given="")
            unknown.setdefault(problem.path, (first, []))[1].extend(names)
    shown = list(unknown.values()) or [(p, list(names)) for p, names in problems.items()]
    return [
        replace(problem, rule=f"{_cells_text(list(dict.fromkeys(names)), n_cells)}: {problem.rule}")
        for problem, names in shown
    ]


def _cells_text(names: Sequence[str], n_cells: int) -> str:
    """Some cells, in words."""
    if len(names) == n_cells > 1:
        return f"in every cell, such as {names[0]}"
    listed = "; ".join(names[:MOST_LISTED])
    if len(names) > MOST_LISTED:
        return f"in {len(names):,} cells, such as {listed}"
    return f"in the cell{'s' * (len(names) > 1)} {listed}"


def _refused(
    tables: Tables, path: Path, rule: str, remedy: str = "", given: str = ""
) -> ScenarioError:
    """A single problem at a path of the file."""
    places: Places = tables.places
    where = places.of(Finding(path, rule))[1]
    return ScenarioError([Problem(path_text(path), rule, given, remedy, where)])
