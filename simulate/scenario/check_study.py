"""The rules for studies: that axes set what there is, each its own, and combinations exist."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any, get_origin

from simulate.scenario.distributions import Exponential, Relative, Weibull
from simulate.scenario.draft import Draft
from simulate.scenario.endpoints import TIMES
from simulate.scenario.models import Scenario
from simulate.scenario.reading import Finding, Path, did_you_mean, path_text, quoted
from simulate.scenario.references import check_name
from simulate.scenario.study import (
    COLUMNS,
    Axis,
    Study,
    matches,
    named,
    set_by,
    split_path,
    value_text,
)

# Cells share the seed and the number of trials; plug-ins are for `simulate assurance` alone.
NOT_SET = ("schema_version", "title", "purpose", "plug_in", "simulation", "study")
STUDY: Path = ("study",)


def check_study(draft: Draft) -> Iterator[Finding]:
    """Check the study of a scenario, as far as that can be told without making its cells.

    Parameters
    ----------
    draft : Draft
        The sound pieces of the scenario.

    Yields
    ------
    Finding
        What is wrong.
    """
    study = draft.study
    if study is None:
        return
    for name, axis in study.axes.items():
        yield from _check_axis((*STUDY, "axes", name), name, axis, draft)
    yield from _check_shared_paths(study, draft)
    for i, entry in enumerate(study.skip):
        yield from _check_combination((*STUDY, "skip", i), entry, study, may_be_several=True)
    if study.reference is not None:
        yield from _check_reference(study, study.reference)


def _check_axis(path: Path, name: str, axis: Axis, draft: Draft) -> Iterator[Finding]:
    if name in COLUMNS:
        yield Finding(path, "must not have the name of a column of the study's table", f"'{name}'")
    if axis.path is not None:
        yield from _check_path((*path, "path"), axis.path, draft)
    for i, text in enumerate(axis.paths or ()):
        yield from _check_path((*path, "paths", i), text, draft)
    for point, settings in (axis.points or {}).items():
        for text in settings:
            yield from _check_path((*path, "points", point, text), text, draft)
    if axis.discount_of is not None:
        yield from check_name(axis.discount_of, draft.arms, "an arm", (*path, "discount_of"))
    if axis.hold_median_of is not None:
        yield from _check_hold(path, axis, draft)
    if isinstance(axis.null_holds, tuple):
        for i, level in enumerate(axis.null_holds):
            if value_text(level) not in map(value_text, axis.levels):
                yield Finding((*path, "null_holds", i), f"must be one of {_levels(axis)}")


def _check_path(path: Path, text: str, draft: Draft) -> Iterator[Finding]:
    """Check that a path leads into a table of the scenario, and to an entry that is there."""
    parts = split_path(text)
    if len(parts) < 2 or not all(parts):
        yield Finding(path, "must be a dotted path, such as accrual.rate_per_month", f"'{text}'")
        return
    known = [table for table in Scenario.model_fields if table not in NOT_SET]
    table = str(parts[0])
    if table not in known:
        rule = f"must lead into one of the tables {quoted(known)}"
        yield Finding(path, rule, f"'{text}'", did_you_mean(table, known))
        return
    entries = getattr(draft, table)
    are_named = get_origin(Scenario.model_fields[table].annotation) is dict
    if are_named and entries is not None and parts[1] not in entries:
        there_are = quoted(entries) or "there are none"
        rule = f"must lead to an entry of [{table}] ({there_are})"
        yield Finding(path, rule, f"'{text}'", did_you_mean(parts[1], entries))


def _check_hold(path: Path, axis: Axis, draft: Draft) -> Iterator[Finding]:
    """Check that a median can be held: one curve each, from one shape, and a constant ratio."""
    at, arm = (*path, "hold_median_of"), axis.hold_median_of
    parts = split_path(axis.path or "")
    is_median = len(parts) == 4 and (parts[0], parts[3]) == ("arms", "median_months")
    if not is_median or parts[2] not in TIMES:
        rule = "needs a path to an arm's median, arms.NAME.pfs.median_months or that of os"
        yield Finding(at, rule, f"'{axis.path}'")
        return
    found = list(check_name(str(arm), draft.arms, "an arm", at))
    yield from found
    control, endpoint = (str(part) for part in parts[1:3])
    arms = draft.arms or {}
    if found or arms.get(control) is None or arms.get(str(arm)) is None:
        return
    held = getattr(arms[str(arm)], endpoint)
    is_relative = isinstance(held, Relative) and held.relative_to == control
    if not is_relative or held.hazard_ratio is None:
        rule = f"must name an arm whose {endpoint} has a hazard_ratio relative to '{control}'"
        remedy = "an arm with a median of its own holds it without this key"
        yield Finding(at, rule, remedy=remedy)
    if not _is_one_curve(held) or not _has_median(getattr(arms[control], endpoint)):
        rule = (
            f"needs the {endpoint} of both arms as one curve: the control exponential, or Weibull "
            "of a given shape, by a latent median; neither by stratum, cured or with frailty"
        )
        yield Finding(at, rule)


def _has_median(table: Any) -> bool:
    """Whether a control's curve is moved by its median alone."""
    is_kind = isinstance(table, Exponential) or (isinstance(table, Weibull) and table.shape)
    is_latent = getattr(table, "scale", "latent") != "observed"
    return bool(is_kind) and table.median_months is not None and is_latent and _is_one_curve(table)


def _is_one_curve(table: Any) -> bool:
    """Whether all patients of an arm have one curve."""
    return not any(getattr(table, key, None) for key in ("by_stratum", "cured", "frailty_variance"))


def _check_shared_paths(study: Study, draft: Draft) -> Iterator[Finding]:
    """Check that no two axes set one value, or a value and a table that it is in."""
    states = [name for name, arm in (draft.arms or {}).items() if arm is not None and arm.states]
    paths = {name: set_by(axis, states) for name, axis in study.axes.items()}
    for one, other in combinations(paths, 2):
        for first in paths[one]:
            for second in paths[other]:
                n = min(len(first), len(second))
                if first[:n] == second[:n]:
                    rule = f"must not set {path_text(second)}: axis '{one}' sets {path_text(first)}"
                    yield Finding((*STUDY, "axes", other), rule, "")


def _check_combination(
    path: Path, entry: Mapping[str, Any], study: Study, *, may_be_several: bool
) -> Iterator[Finding]:
    """Check that an entry names axes of the study and values that these have."""
    for name, given in entry.items():
        at = (*path, name)
        axis = study.axes.get(name)
        if axis is None:
            rule = f"must be an axis of the study ({quoted(study.axes)})"
            yield Finding(at, rule, f"'{name}'", did_you_mean(name, study.axes))
            continue
        if isinstance(given, tuple) and not (may_be_several and given):
            yield Finding(at, f"must be one of {_levels(axis)}")
            continue
        for i, text in enumerate(named(given)):
            if text not in map(value_text, axis.levels):
                place = (*at, i) if isinstance(given, tuple) else at
                yield Finding(place, f"must be one of {_levels(axis)}")


def _check_reference(study: Study, reference: Mapping[str, Any]) -> Iterator[Finding]:
    path = (*STUDY, "reference")
    wrong = list(_check_combination(path, reference, study, may_be_several=False))
    yield from wrong
    missing = [n for n, axis in study.axes.items() if n not in reference and len(axis.levels) > 1]
    if missing:
        yield Finding(path, f"must give a value of each axis; missing: {quoted(missing)}")
    elif not wrong:
        values = {name: axis.levels[0] for name, axis in study.axes.items()} | dict(reference)
        sound = (entry for entry in study.skip if set(entry) <= set(study.axes))
        if any(matches(entry, values) for entry in sound):
            yield Finding(path, "must not be one of the combinations that are left out by skip")


def _levels(axis: Axis) -> str:
    """Values of an axis for a message."""
    shown = [value_text(level) for level in axis.levels[:12]]
    return ", ".join(shown) + (", …" if len(axis.levels) > 12 else "")
