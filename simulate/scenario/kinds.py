"""The kinds of distribution that the tables of a scenario may hold, and how to tell them apart."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from simulate.scenario.distributions import (
    Exponential,
    PiecewiseExponential,
    Relative,
    Weibull,
)
from simulate.scenario.reading import closest, did_you_mean, quoted, toml_text
from simulate.scenario.tables import Name, Selector, Sourced, Table, rule_error

DISTRIBUTIONS = ("exponential", "weibull", "piecewise_exponential")


def _is_latent(value: Any) -> Any:
    if not (isinstance(value, str) and value == "latent"):
        rule = "must be 'latent': 'observed' needs an assessment schedule, not available yet"
        raise rule_error(rule)
    return value


class Scaled(Table):
    """What an endpoint's distribution says of its figures."""

    scale: Annotated[Literal["latent"], BeforeValidator(_is_latent)] = Field(
        default="latent",
        description="Whether the figures are those of the true times (latent) or of the times "
        "seen through the scans (not available yet).",
    )


class ForStratum(Table):
    """What a distribution for some strata adds: the strata."""

    stratum: Selector = Field(description="The cells it holds for: factor = level, one or more.")


class StratumExponential(Exponential, Scaled, ForStratum):
    """Exponential times in some strata."""


class StratumWeibull(Weibull, Scaled, ForStratum):
    """Weibull times in some strata."""


class StratumPiecewise(PiecewiseExponential, Scaled, ForStratum):
    """Piecewise exponential times in some strata."""

    may_end_at_zero: ClassVar[bool] = False


class StratumRelative(Relative, ForStratum):
    """Times relative to another arm in some strata."""


def _stated(table: dict[str, Any]) -> Any:
    """Return the distribution that a table states, under that key or a misspelt one."""
    if "distribution" in table:
        return table["distribution"]
    stated = table.get(closest("distribution", table) or "")
    return stated if _is_known(stated) else None


def _is_known(distribution: Any) -> bool:
    return isinstance(distribution, str) and distribution in DISTRIBUTIONS


def _kind(data: Any) -> str:
    """Which kind of distribution a table is; empty when it cannot be told."""
    if isinstance(data, Table):
        data = data.model_dump(exclude_none=True)
    if not isinstance(data, dict):
        return ""
    # A misspelt 'relative_to' must be close, since a distribution has keys a little like it.
    is_relative = closest("relative_to", data, cutoff=0.8) is not None
    if is_relative or any(key in data for key in Relative.one_of):
        return "" if "distribution" in data else "<relative>"
    stated = _stated(data)
    if stated is None:
        return "<by_stratum>" if "by_stratum" in data else ""
    return f"<{stated}>" if _is_known(stated) else ""


def _check_kind(data: Any) -> Any:
    """Refuse a table of no kind in words, where the union itself could not."""
    if not isinstance(data, dict | Table):
        raise rule_error("must be a table")
    if isinstance(data, dict) and not _kind(data):
        stated = _stated(data)
        if stated is None:
            rule = "required key is missing"
            raise rule_error(rule, ("distribution",), remedy=f"one of {quoted(DISTRIBUTIONS)}")
        if _is_known(stated):
            raise rule_error("must have either 'distribution' or 'relative_to', not both")
        rule, remedy = (
            f"must be one of {quoted(DISTRIBUTIONS)}",
            did_you_mean(stated, DISTRIBUTIONS),
        )
        raise rule_error(rule, ("distribution",), toml_text(stated), remedy)
    return data


def _check_stratum_kind(data: Any) -> Any:
    if _kind(data) == "<by_stratum>":
        raise rule_error("must have a distribution, not a 'by_stratum' of its own")
    return _check_kind(data)


def _check_dropout_kind(data: Any) -> Any:
    if _kind(data) in {"<relative>", "<by_stratum>"}:
        rule = "must have a distribution of its own, neither relative to an arm nor by stratum"
        raise rule_error(rule)
    return _check_kind(data)


StratumDistribution = Annotated[
    Annotated[StratumExponential, Tag("<exponential>")]
    | Annotated[StratumWeibull, Tag("<weibull>")]
    | Annotated[StratumPiecewise, Tag("<piecewise_exponential>")]
    | Annotated[StratumRelative, Tag("<relative>")],
    Discriminator(_kind),
    BeforeValidator(_check_stratum_kind),
]


class ByStratum(Table):
    """What an endpoint's table adds: distributions that replace its own in some strata."""

    by_stratum: dict[Name, StratumDistribution] = Field(
        default={}, description="Distributions that replace this one in the cells they name."
    )


class EndpointExponential(Exponential, Scaled, ByStratum):
    """Exponential times to an endpoint."""


class EndpointWeibull(Weibull, Scaled, ByStratum):
    """Weibull times to an endpoint."""


class EndpointPiecewise(PiecewiseExponential, Scaled, ByStratum):
    """Piecewise exponential times to an endpoint."""

    may_end_at_zero: ClassVar[bool] = False


class EndpointRelative(Relative, ByStratum):
    """Times to an endpoint, relative to another arm."""


class EndpointByStratum(Sourced):
    """Times to an endpoint given only by stratum, for every stratum."""

    by_stratum: dict[Name, StratumDistribution] = Field(
        min_length=1, description="Distributions for the cells they name: together, all cells."
    )


EndpointDistribution = Annotated[
    Annotated[EndpointExponential, Tag("<exponential>")]
    | Annotated[EndpointWeibull, Tag("<weibull>")]
    | Annotated[EndpointPiecewise, Tag("<piecewise_exponential>")]
    | Annotated[EndpointRelative, Tag("<relative>")]
    | Annotated[EndpointByStratum, Tag("<by_stratum>")],
    Discriminator(_kind),
    BeforeValidator(_check_kind),
]

DropoutDistribution = Annotated[
    Annotated[Exponential, Tag("<exponential>")]
    | Annotated[Weibull, Tag("<weibull>")]
    | Annotated[PiecewiseExponential, Tag("<piecewise_exponential>")],
    Discriminator(_kind),
    BeforeValidator(_check_dropout_kind),
]
