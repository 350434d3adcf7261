"""Reading a file's tables piece by piece, so that no broken piece hides what is wrong elsewhere."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from simulate.scenario.reading import Finding, Path, Reading, did_you_mean, quoted
from simulate.scenario.tables import NAME_RULE, Table, is_name

# What each of pydantic's errors means to a user; the braces are filled from the error.
_RULES = {
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "string_type": "must be text in quotes",
    "string_pattern_mismatch": NAME_RULE,
    "string_too_long": NAME_RULE,
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


def read_pieces(reading: Reading, model: type[Table]) -> dict[str, Any]:
    """Read every table and key of a file, reporting to the reading what is wrong with each.

    Parameters
    ----------
    reading : Reading
        The file's data; findings are added to it.
    model : type of Table
        What the file as a whole is.

    Returns
    -------
    dict of str to object
        By the model's fields: the sound pieces, with the defaults of absent ones; None stands for
        a piece that is broken or missing. A table of named entries keeps the names of its broken
        entries, with None, so that to name one elsewhere is not a second problem.
    """
    data = reading.known_keys(reading.data, model.model_fields)
    pieces: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if name in data:
            adapter = _adapter(model, name)
            if get_origin(field.annotation) is dict:
                pieces[name] = _entries(reading, (name,), field, adapter, data[name])
            else:
                pieces[name] = _validated(reading, (name,), adapter, data[name])
        elif field.is_required():
            rule = f"required {'table' if _is_table(field) else 'key'} is missing"
            reading.add(Finding((name,), rule, remedy=_explanation(field)))
            pieces[name] = None
        else:
            pieces[name] = field.get_default()
    return pieces


def _is_table(field: FieldInfo) -> bool:
    kind = field.annotation
    return get_origin(kind) is dict or (isinstance(kind, type) and issubclass(kind, Table))


@cache
def _adapter(model: type[Table], name: str) -> TypeAdapter[Any]:
    """Make what validates a field, or each of its entries; it takes longer than to validate."""
    field = model.model_fields[name]
    kind: Any = Annotated[field.annotation, field]
    if get_origin(field.annotation) is dict:
        _, kind = get_args(field.annotation)
    return TypeAdapter(kind)


def _entries(
    reading: Reading, path: Path, field: FieldInfo, adapter: TypeAdapter[Any], value: Any
) -> Any:
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
    entries = {}
    for name, entry in value.items():
        if not is_name(name):
            reading.add(Finding((*path, name), NAME_RULE, f"'{name}'"))
        entries[name] = _validated(reading, (*path, name), adapter, entry)
    return entries


def _validated(reading: Reading, path: Path, adapter: TypeAdapter[Any], value: Any) -> Any:
    """Validate one piece; None, and findings, if it is broken."""
    try:
        return adapter.validate_python(value, strict=True, context=reading)
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
