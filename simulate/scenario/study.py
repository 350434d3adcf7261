"""Studies: a grid over a scenario's values, whose every combination is a scenario of its own."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import combinations
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from simulate.scenario.reading import Path
from simulate.scenario.tables import Name, Positive, Sourced, Table, Text, rule_error

Value = bool | int | float | str
# Columns of a study's table beside those of its axes.
COLUMNS = (
    "cell",
    "hypothesis",
    "analysis",
    "measure",
    "condition",
    "estimate",
    "mcse",
    "n_trials",
    "null_holds",
    "closed_form",
    "closed_form_kind",
    "flagged",
)


def value_text(value: object) -> str:
    """Write a value of an axis as names of cells do: 12 and 12.0 are one value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _scalars(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Refuse what has no name of its own, and values given twice."""
    seen: set[str] = set()
    for i, value in enumerate(values):
        is_finite = not isinstance(value, float) or math.isfinite(value)
        if not isinstance(value, bool | int | float | str) or not is_finite:
            rule = "must be a number, text, true or false"
            remedy = "whole tables and arrays can be set by points, which have names"
            raise rule_error(rule, (i,), remedy=remedy)
        if value_text(value) in seen:
            raise rule_error("must not be given twice", (i,))
        seen.add(value_text(value))
    return values


def _quoted_paths(point: dict[str, Any]) -> dict[str, Any]:
    """Refuse a point that sets nothing, or whose paths are not in quotes."""
    if not point:
        raise rule_error("must set at least one value", remedy='write "path" = value')
    for key in point:
        if "." not in key:
            rule = 'must be a dotted path in quotes, such as "arms.new.pfs.hazard_ratio"'
            raise rule_error(rule, (key,))
    return point


def _true_or_some(value: Any) -> Any:
    if value is not True and not (isinstance(value, tuple) and value):
        raise rule_error("must be true, or an array of values of the axis")
    return value


Scalars = Annotated[
    tuple[Any, ...],
    Field(min_length=1),
    AfterValidator(_scalars),
    WithJsonSchema(
        {
            "type": "array",
            "minItems": 1,
            "uniqueItems": True,
            "items": {"type": ["number", "string", "boolean"]},
        }
    ),
]
Points = dict[Name, Annotated[dict[str, Any], AfterValidator(_quoted_paths)]]
TrueOrSome = Annotated[
    Any,
    AfterValidator(_true_or_some),
    WithJsonSchema({"anyOf": [{"const": True}, {"type": "array", "minItems": 1}]}),
]


class Axis(Sourced):
    """Values that a study gives, one after the other, to one or more paths of its scenario."""

    one_of: ClassVar = ("path", "paths", "discount_of", "points")
    label: Text | None = Field(default=None, description="Name for reports.")
    unit: Text | None = Field(default=None, description="Unit of the values, for reports.")
    path: str | None = Field(default=None, description="Dotted path that is set, as with --set.")
    paths: Annotated[tuple[str, ...], Field(min_length=2)] | None = Field(
        default=None, description="Dotted paths that are set together, to one value."
    )
    discount_of: str | None = Field(
        default=None, description="Arm whose discount is set, in its states if it has them."
    )
    points: Annotated[Points, Field(min_length=1)] | None = Field(
        default=None,
        description="Named points instead of values, each a table of paths in quotes and what "
        "they are set to.",
    )
    values: Scalars | None = Field(default=None, description="The values.")
    hold_median_of: str | None = Field(
        default=None,
        description="Arm whose median stays while that of its control is set: its hazard ratio is "
        "worked out. Absent: its hazard ratio stays.",
    )
    held_median_months: Positive | None = Field(
        default=None, description="The median that stays; default: the one in the scenario."
    )
    null_holds: TrueOrSome | None = Field(
        default=None,
        description="Values (true: all) at which a drug is without effect although no hypothesis "
        "says so: rejections there are reported as type I error.",
    )

    @property
    def levels(self) -> tuple[Value, ...]:
        """Values of the axis, or names of its points."""
        return tuple(self.points) if self.points is not None else self.values or ()

    def is_null_at(self, level: Value) -> bool:
        """Whether a value is marked as one without an effect."""
        if isinstance(self.null_holds, tuple):
            return value_text(level) in {value_text(value) for value in self.null_holds}
        return self.null_holds is True

    @model_validator(mode="after")
    def _fits_kind(self) -> Self:
        if (self.values is None) != (self.points is not None):
            has_points = self.points is not None
            rule = "must be left out beside 'points'" if has_points else "required key is missing"
            raise rule_error(rule, ("values",), remedy="" if has_points else "the values to set")
        if self.hold_median_of is not None and self.path is None:
            raise rule_error("needs 'path', the control's median", ("hold_median_of",))
        if self.held_median_months is not None and self.hold_median_of is None:
            raise rule_error("needs 'hold_median_of'", ("held_median_months",))
        for (one, first), (other, second) in combinations((self.points or {}).items(), 2):
            if first == second:
                raise rule_error(f"must not set the same as point '{one}'", ("points", other), "")
        return self


class Study(Table):
    """A grid: every combination of the values of its axes is a cell."""

    axes: Annotated[dict[Name, Axis], Field(min_length=1, max_length=8)] = Field(
        description="The axes, by name; the first varies slowest."
    )
    skip: tuple[Annotated[dict[str, Any], Field(min_length=1)], ...] = Field(
        default=(),
        description="Combinations left out: a value, or an array of values, of one or more axes.",
    )
    reference: dict[str, Any] | None = Field(
        default=None,
        description="A cell, by a value of each axis, from which the differences of all others "
        "are told, over the same patients.",
    )
    horizon_months: Positive | None = Field(
        default=None,
        description="Calendar months by which a trial should be over; the share of trials that "
        "are not is reported.",
    )

    @property
    def n_combinations(self) -> int:
        """Number of cells before any is left out."""
        return math.prod(len(axis.levels) for axis in self.axes.values())


def split_path(text: str) -> Path:
    """Parts of a dotted path; positions in arrays are still text."""
    return tuple(part.strip() for part in text.split("."))


def set_by(axis: Axis, arms_with_states: Iterable[str]) -> list[Path]:
    """Every path that an axis sets, in order, each once."""
    texts: list[str] = [*([axis.path] if axis.path else []), *(axis.paths or ())]
    texts += [path for point in (axis.points or {}).values() for path in point]
    found = [split_path(text) for text in texts]
    if axis.discount_of is not None:
        found.append(discount_path(axis.discount_of, axis.discount_of in set(arms_with_states)))
    if axis.hold_median_of is not None and axis.path is not None:
        found.append(held_ratio_path(axis))
    return list(dict.fromkeys(found))


def discount_path(arm: str, has_states: bool) -> Path:
    """Where the discount of an arm is."""
    return ("arms", arm, "states", "discount") if has_states else ("arms", arm, "discount")


def held_ratio_path(axis: Axis) -> Path:
    """Where the hazard ratio is that follows from a median that stays."""
    assert axis.hold_median_of is not None
    assert axis.path is not None
    endpoint = (*split_path(axis.path), "", "", "")[2]
    return ("arms", axis.hold_median_of, endpoint, "hazard_ratio")


def matches(entry: dict[str, Any], values: dict[str, Value]) -> bool:
    """Whether a combination is one of those that an entry of `skip` or `reference` names."""
    return all(value_text(values[axis]) in named(given) for axis, given in entry.items())


def named(given: Any) -> list[str]:
    """Values that an entry names for an axis, as texts."""
    return [value_text(value) for value in (given if isinstance(given, tuple) else (given,))]
