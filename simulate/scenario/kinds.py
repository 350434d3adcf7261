"""The kinds of distribution that the tables of a scenario may hold, and how to tell them apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from simulate.scenario.distributions import (
    Composed,
    Exponential,
    PiecewiseExponential,
    Relative,
    Weibull,
)
from simulate.scenario.reading import closest, did_you_mean, quoted, toml_text
from simulate.scenario.tables import (
    Name,
    OpenProbability,
    Selector,
    Sourced,
    Table,
    rule_error,
)
from simulate.scenario.uncertainty import Uncertain

COMPONENTS = ("exponential", "weibull", "piecewise_exponential")
DISTRIBUTIONS = (*COMPONENTS, "mixture")


class Scaled(Table):
    """What an endpoint's distribution says of its figures."""

    scale: Literal["latent", "observed"] = Field(
        default="latent",
        description="Whether the medians and survival probabilities are those of the true times "
        "(latent) or of the times seen through the scans of [assessments] (observed).",
    )


class ForStratum(Table):
    """What a distribution for some strata adds: the strata."""

    stratum: Selector = Field(description="The cells it holds for: factor = level, one or more.")


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


def _check_kind(data: Any, kinds: Sequence[str] = DISTRIBUTIONS) -> Any:
    """Refuse a table of no kind in words, where the union itself could not."""
    if not isinstance(data, dict | Table):
        raise rule_error("must be a table")
    if isinstance(data, dict) and not _kind(data):
        stated = _stated(data)
        if stated is None:
            rule = "required key is missing"
            raise rule_error(rule, ("distribution",), remedy=f"one of {quoted(kinds)}")
        if _is_known(stated):
            raise rule_error("must have either 'distribution' or 'relative_to', not both")
        rule, remedy = (
            f"must be one of {quoted(kinds)}",
            did_you_mean(stated, kinds),
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


def _check_component(data: Any) -> Any:
    if _kind(data) in {"<relative>", "<by_stratum>", "<mixture>"}:
        rule = "must have a distribution of its own: a component is no mixture and not relative"
        raise rule_error(rule)
    return _check_kind(data, COMPONENTS)


class Weighted(Table):
    """What a component of a mixture adds: its share."""

    weight: OpenProbability = Field(
        description="Share of the uncured patients; the weights of a mixture sum to 1."
    )


class ComponentExponential(Exponential, Weighted):
    """Exponential times of some patients."""


class ComponentWeibull(Weibull, Weighted):
    """Weibull times of some patients."""


class ComponentPiecewise(PiecewiseExponential, Weighted):
    """Piecewise exponential times of some patients."""

    may_end_at_zero: ClassVar[bool] = False


Component = Annotated[
    Annotated[ComponentExponential, Tag("<exponential>")]
    | Annotated[ComponentWeibull, Tag("<weibull>")]
    | Annotated[ComponentPiecewise, Tag("<piecewise_exponential>")],
    Discriminator(_kind),
    BeforeValidator(_check_component),
]


def _weights_sum_to_1(components: tuple[Weighted, ...]) -> tuple[Weighted, ...]:
    total = math.fsum(component.weight for component in components)
    if abs(total - 1.0) > 1e-9:
        raise rule_error("weights must sum to 1", given=f"a sum of {total:.10g}")
    return components


class Mixture(Sourced):
    """Times of patients of several kinds, whom nobody can tell apart."""

    distribution: Literal["mixture"] = Field(description="The distribution's name.")
    components: Annotated[
        tuple[Component, ...], Field(min_length=2), AfterValidator(_weights_sum_to_1)
    ] = Field(description="A distribution for each kind of patient, with its weight.")


class StratumExponential(Exponential, Composed, Scaled, ForStratum):
    """Exponential times in some strata."""


class StratumWeibull(Weibull, Composed, Scaled, ForStratum):
    """Weibull times in some strata."""


class StratumPiecewise(PiecewiseExponential, Composed, Scaled, ForStratum):
    """Piecewise exponential times in some strata."""

    may_end_at_zero: ClassVar[bool] = False


class StratumMixture(Mixture, Composed, Scaled, ForStratum):
    """Times of a mixture of patients in some strata."""


class StratumRelative(Relative, Composed, ForStratum):
    """Times relative to another arm in some strata."""


StratumDistribution = Annotated[
    Annotated[StratumExponential, Tag("<exponential>")]
    | Annotated[StratumWeibull, Tag("<weibull>")]
    | Annotated[StratumPiecewise, Tag("<piecewise_exponential>")]
    | Annotated[StratumMixture, Tag("<mixture>")]
    | Annotated[StratumRelative, Tag("<relative>")],
    Discriminator(_kind),
    BeforeValidator(_check_stratum_kind),
]


class ByStratum(Table):
    """What an endpoint's table adds: distributions that replace its own in some strata."""

    by_stratum: dict[Name, StratumDistribution] = Field(
        default={}, description="Distributions that replace this one in the cells they name."
    )


class EndpointExponential(Exponential, Composed, Scaled, Uncertain, ByStratum):
    """Exponential times to an endpoint."""


class EndpointWeibull(Weibull, Composed, Scaled, Uncertain, ByStratum):
    """Weibull times to an endpoint."""


class EndpointPiecewise(PiecewiseExponential, Composed, Scaled, Uncertain, ByStratum):
    """Piecewise exponential times to an endpoint."""

    may_end_at_zero: ClassVar[bool] = False


class EndpointMixture(Mixture, Composed, Scaled, ByStratum):
    """Times to an endpoint of a mixture of patients."""


class EndpointRelative(Relative, Composed, ByStratum):
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
    | Annotated[EndpointMixture, Tag("<mixture>")]
    | Annotated[EndpointRelative, Tag("<relative>")]
    | Annotated[EndpointByStratum, Tag("<by_stratum>")],
    Discriminator(_kind),
    BeforeValidator(_check_kind),
]


class DropoutExponential(Exponential, Composed):
    """Exponential times to dropout."""


class DropoutWeibull(Weibull, Composed):
    """Weibull times to dropout."""


class DropoutPiecewise(PiecewiseExponential, Composed):
    """Piecewise exponential times to dropout."""


class DropoutMixture(Mixture, Composed):
    """Times to dropout of a mixture of patients."""


DropoutDistribution = Annotated[
    Annotated[DropoutExponential, Tag("<exponential>")]
    | Annotated[DropoutWeibull, Tag("<weibull>")]
    | Annotated[DropoutPiecewise, Tag("<piecewise_exponential>")]
    | Annotated[DropoutMixture, Tag("<mixture>")],
    Discriminator(_kind),
    BeforeValidator(_check_dropout_kind),
]
