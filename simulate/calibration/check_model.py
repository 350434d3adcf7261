"""What the figures in use need of the other tables of an evidence file."""

from __future__ import annotations

from collections.abc import Iterator

from simulate.calibration.evidence import Evidence
from simulate.calibration.figures import (
    DISEASE_CONTROL,
    DURATION,
    RESPONSE,
    TIME_TO_RESPONSE,
    AnyFigure,
    Proportion,
)
from simulate.calibration.priors import Model
from simulate.scenario.reading import Finding

IN_MODEL = (RESPONSE, DISEASE_CONTROL)


def check_model(evidence: Evidence) -> Iterator[Finding]:
    """Check that the model can make every figure in use, and that none is there twice.

    Parameters
    ----------
    evidence : Evidence
        Evidence whose tables are sound.

    Yields
    ------
    Finding
        What is missing or too much.
    """
    if not evidence.used:
        yield Finding(("figures",), "must have at least one figure in use", "")
    if evidence.n_not_evaluable > evidence.trial.patients:
        rule = f"must be at most the {evidence.trial.patients} patients"
        yield Finding(("not_evaluable", "patients"), rule)
    seen: dict[tuple[object, ...], str] = {}
    for name, figure in evidence.used.items():
        key = (figure.kind, figure.endpoint, getattr(figure, "at_months", None))
        if key in seen:
            rule = f"must not repeat what figures.{seen[key]} is of"
            yield Finding(("figures", name), rule, "", "set use = false in one of them")
        seen.setdefault(key, name)
        yield from _check_endpoint(name, figure, evidence)


def _check_endpoint(name: str, figure: AnyFigure, evidence: Evidence) -> Iterator[Finding]:
    path, model = ("figures", name, "endpoint"), evidence.model
    remedy = "or set use = false"
    if isinstance(figure, Proportion) and figure.endpoint not in IN_MODEL:
        rule = "is not part of the model and cannot be fitted"
        yield Finding(path, rule, None, "set use = false to keep it for the record")
    if figure.endpoint == DISEASE_CONTROL and evidence.assessments is None:
        yield Finding(path, "needs [assessments]: it is what the first scan shows", None, remedy)
    for needed, words in _needs(figure.endpoint):
        if not any(getattr(model, transition) for transition in needed):
            rule = f"needs {words} in [model]: {' or '.join(needed)}"
            yield Finding(path, rule, None, remedy)


def _needs(endpoint: str) -> Iterator[tuple[list[str], str]]:
    """Transitions of which an endpoint needs one, with what they are."""
    if endpoint in {RESPONSE, DURATION, TIME_TO_RESPONSE}:
        yield ["stable_to_response"], "a transition to response"
    if endpoint == DURATION:
        yield ["response_to_progression", "response_to_death"], "an end of response"
    if endpoint == "os":
        yield [name for name in Model.model_fields if name.endswith("_to_death")], "a way to death"
