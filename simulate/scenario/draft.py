"""A scenario read piece by piece, so that no broken piece hides what is wrong elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from simulate.scenario.assessments import Assessments
from simulate.scenario.endpoints import BinaryEndpoint, Correlations
from simulate.scenario.hypotheses import ArmEstimate, Hypothesis
from simulate.scenario.looks import Analysis
from simulate.scenario.models import (
    Accrual,
    Arm,
    Factor,
    FollowUp,
    JointPrevalence,
    Randomisation,
    Scenario,
    Simulation,
    Stopping,
)
from simulate.scenario.reading import Finding, Path, Reading, did_you_mean, quoted
from simulate.scenario.tables import NAME_RULE, is_name

# What each of pydantic's errors means to a user; the braces are filled from the error.
_RULES = {
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "string_type": "must be text in quotes",
    "bool_type": "must be true or false",
    "finite_number": "must be a finite number",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must have at least {min_length}",
    "too_long": "must have at most {max_length}",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "tuple_type": "must be an array in square brackets",
}


@dataclass(frozen=True)
class Draft:
    """The pieces of a scenario; None stands for one that is broken or missing.

    The fields are those of `Scenario`. A table of named entries keeps the names of its broken
    entries, with None, so that to name one elsewhere is not a second problem.
    """

    schema_version: int | None
    title: str | None
    purpose: str | None
    arms: dict[str, Arm | None] | None
    correlations: Correlations | None
    binary_endpoints: dict[str, BinaryEndpoint | None] | None
    strata: dict[str, Factor | None] | None
    joint_prevalence: dict[str, JointPrevalence | None] | None
    assessments: Assessments | None
    accrual: Accrual | None
    randomisation: Randomisation | None
    follow_up: FollowUp | None
    analyses: dict[str, Analysis | None] | None
    hypotheses: dict[str, Hypothesis | None] | None
    estimates: dict[str, ArmEstimate | None] | None
    stopping: Stopping | None
    simulation: Simulation | None


def read_draft(reading: Reading) -> Draft:
    """Read every piece of a scenario, reporting to the reading what is wrong with each.

    Parameters
    ----------
    reading : Reading
        The scenario's data; findings are added to it.

    Returns
    -------
    Draft
        The sound pieces, their defaults filled.
    """
    data = reading.known_keys(reading.data, Scenario.model_fields)
    pieces: dict[str, Any] = {}
    for name, field in Scenario.model_fields.items():
        if name in data:
            read = _entries if get_origin(field.annotation) is dict else _piece
            pieces[name] = read(reading, (name,), field, data[name])
        elif field.is_required():
            is_table = name not in {"schema_version", "title", "purpose"}
            rule = f"required {'table' if is_table else 'key'} is missing"
            reading.add(Finding((name,), rule, remedy=_explanation(field)))
        else:
            pieces[name] = field.get_default()
    return fill_defaults(Draft(**{name: pieces.get(name) for name in Scenario.model_fields}))


def _piece(reading: Reading, path: Path, field: FieldInfo, value: Any) -> Any:
    return _validated(reading, path, Annotated[field.annotation, field], value)


def _entries(reading: Reading, path: Path, field: FieldInfo, value: Any) -> Any:
    """Read a table of named entries, each on its own."""
    if not isinstance(value, dict):
        reading.add(Finding(path, "must be a table"))
        return None
    for limit in field.metadata:
        fewest, most = getattr(limit, "min_length", 0), getattr(limit, "max_length", len(value))
        if len(value) < fewest:
            rule = f"must have at least {_entry_count(fewest)}"
            remedy = f"each is a table of its own, [{path[0]}.NAME]"
            reading.add(Finding(path, rule, str(len(value)), remedy))
        if len(value) > most:
            rule = f"must have at most {_entry_count(most)}"
            reading.add(Finding(path, rule, str(len(value))))
            return None
    _, entry_type = get_args(field.annotation)
    entries = {}
    for name, entry in value.items():
        if not is_name(name):
            reading.add(Finding((*path, name), NAME_RULE, f"'{name}'"))
        entries[name] = _validated(reading, (*path, name), entry_type, entry)
    return entries


def _validated(reading: Reading, path: Path, kind: Any, value: Any) -> Any:
    """Validate one piece; None, and findings, if it is broken."""
    try:
        return TypeAdapter(kind).validate_python(value, strict=True, context=reading)
    except ValidationError as error:
        for item in error.errors(include_url=False):
            # An array of broken elements is counted short of them; it is not short.
            is_short = item["type"] != "too_short" or len(item["input"]) < item["ctx"]["min_length"]
            if is_short:
                reading.add(_finding(reading, path, item))
        return None


def _finding(reading: Reading, path: Path, item: ErrorDetails) -> Finding:
    """Say one of pydantic's errors in the user's terms."""
    # Tags of unions and keys are marked so, and are no part of the path in the file.
    inner = (part for part in item["loc"] if not str(part).startswith("<") and part != "[key]")
    path = (*path, *inner)
    context = item.get("ctx", {})
    kind = item["type"]
    if kind == "rule":
        rule, remedy = context["rule"], context["remedy"]
        return Finding((*path, *context["at"]), rule, context["given"], remedy)
    if kind == "missing":
        fields = reading.fields.get(reading.as_written(path[:-1]), {})
        remedy = _explanation(fields[str(path[-1])]) if path[-1] in fields else ""
        return Finding(path, "required key is missing", remedy=remedy)
    if kind == "literal_error":
        options = context["expected"].replace(" or ", ", ")
        names = [name.strip("'") for name in options.split(", ")]
        rule = f"must be one of {options}" if len(names) > 1 else f"must be {options}"
        return Finding(path, rule, remedy=did_you_mean(item["input"], names))
    if item["loc"] and item["loc"][-1] == "[key]":
        return Finding(path, NAME_RULE, f"'{path[-1]}'")
    if kind == "int_type" and isinstance(item["input"], float) and item["input"].is_integer():
        return Finding(path, _RULES[kind], remedy=f"write {int(item['input'])}")
    limits = {key: _limit(key, value) for key, value in context.items()}
    return Finding(path, _RULES.get(kind, "is not a value that can stand here").format(**limits))


def _limit(key: str, value: Any) -> str:
    if key in {"min_length", "max_length"}:
        return _entry_count(value)
    return str(int(value)) if isinstance(value, float) and value == int(value) else str(value)


def _entry_count(n: int) -> str:
    return "1 entry" if n == 1 else f"{n} entries"


def _explanation(field: FieldInfo) -> str:
    """Say what a missing key is for, or the values it may have."""
    if get_origin(field.annotation) is Literal:
        return f"one of {quoted(get_args(field.annotation))}"
    text = (field.description or "").split(". ")[0].rstrip(".")
    return text[:1].lower() + text[1:]


def fill_defaults(draft: Draft) -> Draft:
    """Fill what a file may omit and what follows from its other tables.

    Parameters
    ----------
    draft : Draft
        A draft with omissions.

    Returns
    -------
    Draft
        Ratio, block size, blocks within strata, the analyses of each hypothesis and estimate and
        the hypotheses of the stopping rule filled, as far as the other pieces allow.
    """
    hypotheses = draft.hypotheses
    if hypotheses is not None and draft.analyses is not None and len(draft.analyses) == 1:
        only = {"analyses": tuple(draft.analyses)}
        hypotheses = {
            name: h if h is None or h.analyses else h.model_copy(update=only)
            for name, h in hypotheses.items()
        }
    estimates = draft.estimates
    if estimates is not None and draft.analyses:
        every = {"analyses": tuple(draft.analyses)}
        estimates = {
            name: e if e is None or e.analyses else e.model_copy(update=every)
            for name, e in estimates.items()
        }
    stopping = draft.stopping
    if stopping is not None and "hypotheses" not in stopping.model_fields_set:
        stopping = stopping.model_copy(update={"hypotheses": tuple(draft.hypotheses or ())})
    randomisation = draft.randomisation
    if randomisation is not None:
        randomisation = _filled_randomisation(
            randomisation, tuple(draft.arms or ()), bool(draft.strata)
        )
    return replace(
        draft,
        hypotheses=hypotheses,
        estimates=estimates,
        stopping=stopping,
        randomisation=randomisation,
    )


def _filled_randomisation(
    randomisation: Randomisation, arms: tuple[str, ...], has_strata: bool
) -> Randomisation:
    given = randomisation.model_fields_set
    ratio = randomisation.ratio if "ratio" in given else dict.fromkeys(arms, 1)
    if set(ratio) == set(arms):
        ratio = {arm: ratio[arm] for arm in arms}
    return randomisation.model_copy(
        update={
            "ratio": ratio,
            "block_size": randomisation.block_size or 2 * sum(ratio.values()),
            "within_strata": randomisation.within_strata
            if "within_strata" in given
            else has_strata,
        }
    )
