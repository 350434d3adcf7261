"""The base of every table of a scenario file, and the kinds of number that tables hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    ValidationInfo,
    model_validator,
)
from pydantic.config import JsonDict
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from simulate.scenario.reading import Finding, Path, Reading, did_you_mean, quoted, toml_text

MAX_PATIENTS = 1_000_000
NAME_PATTERN = r"^[A-Za-z][A-Za-z0-9_-]*$"
NAME_RULE = (
    "must start with a letter and hold only letters, digits, '-' and '_', 40 characters at most"
)

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=40)]


def is_name(text: str) -> bool:
    """Whether a text can name an arm, an analysis, a level and so on."""
    return len(text) <= 40 and re.fullmatch(NAME_PATTERN, text) is not None


Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
OpenProbability = Annotated[float, Field(gt=0, lt=1)]
Prevalence = Annotated[float, Field(gt=0, le=1)]
Probability = Annotated[float, Field(ge=0, le=1)]
Selector = Annotated[dict[str, str], Field(min_length=1)]


def rule_error(
    rule: str, at: Path = (), given: str | None = None, remedy: str = ""
) -> PydanticCustomError:
    """Make an error for a validator to raise: the rule, and where below the value checked."""
    return PydanticCustomError(
        "rule", "{rule}", {"rule": rule, "at": at, "given": given, "remedy": remedy}
    )


def _not_blank(text: str) -> str:
    if not text.strip():
        raise rule_error("must not be empty")
    return text


Text = Annotated[str, AfterValidator(_not_blank)]


class Table(BaseModel):
    """A table of a scenario file: every key known, no value converted, unchangeable once read."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    # Keys of which exactly one must be given.
    one_of: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _read_keys(cls, data: Any, info: ValidationInfo) -> Any:
        """Report wrong keys to the reading, so that wrong values are still found beside them."""
        reading = info.context
        if not (isinstance(reading, Reading) and isinstance(data, dict)):
            return data
        path = reading.path_of(data)
        reading.fields[path] = cls.model_fields
        if cls.model_config["extra"] == "forbid":
            data = reading.known_keys(data, cls.model_fields)
        given = [key for key in cls.one_of if key in data]
        if cls.one_of and len(given) != 1:
            anchors = tuple((*path, key) for key in given)
            rule = one_of_rule(cls.one_of)
            reading.add(Finding(path, rule, " and ".join(given), anchors=anchors))
        return data

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [key for key in self.one_of if getattr(self, key) is not None]
        if self.one_of and len(given) != 1:
            raise rule_error(one_of_rule(self.one_of), given=" and ".join(given))
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Say in the JSON Schema, too, which keys exclude each other."""
        schema = handler(core_schema)
        if cls.one_of:
            definition = handler.resolve_ref_schema(schema)
            definition["oneOf"] = [{"required": [key]} for key in cls.one_of]
        return schema


def one_of_rule(keys: Iterable[str]) -> str:
    """Write the sentence for keys that exclude each other."""
    return f"must have exactly one of {quoted(keys)}"


class Sourced(Table):
    """A table of assumptions, which may say where its figures come from."""

    status: Literal["published", "derived", "inferred"] | None = Field(
        default=None,
        description="How the figures are known: published as they stand, derived from published "
        "ones by arithmetic, or inferred (an assumption).",
    )
    source: Text | None = Field(
        default=None, description="Where the figures come from: a citation, or the reasoning."
    )


class Stated(Sourced):
    """A table of figures that must say where they come from."""

    status: Literal["published", "derived", "inferred"] = Field(
        description="How the figures are known: published as they stand, derived from published "
        "ones by arithmetic, or inferred (an assumption)."
    )
    source: Text = Field(description="Where the figures come from: a citation, or the reasoning.")


def known_kind(data: Any, kinds: Sequence[str], example: str = "") -> Any:
    """Refuse a table whose ``kind`` is missing or unknown, where a union could not say it well.

    Parameters
    ----------
    data : object
        What should be a table.
    kinds : sequence of str
        The kinds that there are.
    example : str
        A table to show to who wrote none.

    Returns
    -------
    object
        The data as they are.

    Raises
    ------
    PydanticCustomError
        If there is no such kind.
    """
    if isinstance(data, Table):
        return data
    if not isinstance(data, dict):
        raise rule_error(f"must be a table{example}")
    if "kind" not in data:
        raise rule_error("required key is missing", ("kind",), remedy=f"one of {quoted(kinds)}")
    kind = data["kind"]
    if not isinstance(kind, str) or kind not in kinds:
        remedy = did_you_mean(kind, kinds) if isinstance(kind, str) else ""
        raise rule_error(f"must be one of {quoted(kinds)}", ("kind",), toml_text(kind), remedy)
    return data


def filled(default: Any, description: str, **constraints: Any) -> Any:
    """Declare a field that a file may omit and that the loader fills from other tables."""
    return Field(
        default=default,
        description=description,
        json_schema_extra=without_default,
        **constraints,
    )


def without_default(schema: JsonDict) -> None:
    """Drop from a JSON Schema a default that is filled from other tables."""
    schema.pop("default", None)
