"""From figures seen through scans to the latent figures of the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar, cast

from simulate.scenario.assessed import Steps, latent_landmark, latent_median_range
from simulate.scenario.distributions import SurvivalPoint
from simulate.scenario.kinds import EndpointDistribution, Scaled, StratumDistribution

Definition = TypeVar("Definition", bound=EndpointDistribution | StratumDistribution)


def is_observed(definition: Any) -> bool:
    """Whether the figures of a distribution are those seen through scans."""
    return isinstance(definition, Scaled) and definition.scale == "observed"


def latent_table(table: EndpointDistribution, steps: Steps | None) -> EndpointDistribution:
    """An arm's table for an endpoint with latent figures in place of observed ones.

    A median becomes the midpoint of the latent medians that scans show as that value; a survival
    probability that of the last scan by its month.

    Parameters
    ----------
    table : EndpointDistribution
        As written.
    steps : sequence of (int, int) or None
        Steps of the arm's schedule, in days; None without one.

    Raises
    ------
    ValueError
        If scans cannot show a figure.
    """
    entries = {key: latent_definition(entry, steps) for key, entry in table.by_stratum.items()}
    found = latent_definition(table, steps)
    return (
        found if entries == table.by_stratum else found.model_copy(update={"by_stratum": entries})
    )


def latent_definition(definition: Definition, steps: Steps | None) -> Definition:
    """A distribution with latent figures in place of observed ones, as in `latent_table`."""
    if steps is None or not is_observed(definition):
        return definition
    update: dict[str, Any] = {"scale": "latent"}
    median = getattr(definition, "median_months", None)
    if median is not None:
        low, high = latent_median_range(median, steps)
        update["median_months"] = 0.5 * (low + high)
    survival = getattr(definition, "survival", None)
    if isinstance(survival, SurvivalPoint):
        update["survival"] = _latent_point(survival, steps)
    elif isinstance(survival, Sequence):
        update["survival"] = tuple(_latent_point(point, steps) for point in survival)
    # Types cannot say that a copy is of the same type as a bounded variable's value.
    return cast("Definition", definition.model_copy(update=update))


def _latent_point(point: SurvivalPoint, steps: Steps) -> SurvivalPoint:
    """Point of the latent survival curve."""
    return point.model_copy(update={"month": latent_landmark(point.month, steps)})
