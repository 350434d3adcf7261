"""A scenario read piece by piece, so that no broken piece hides what is wrong elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, replace

from simulate.scenario.assessments import TrialAssessments
from simulate.scenario.endpoints import TIMES, BinaryEndpoint, Correlations
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
from simulate.scenario.pieces import read_pieces
from simulate.scenario.plug_in import PlugIn
from simulate.scenario.reading import Reading
from simulate.scenario.study import Study
from simulate.scenario.uncertainty import DEFAULT_MEMBERS, uncertainty_of


@dataclass(frozen=True)
class Draft:
    """The pieces of a scenario; None stands for one that is broken or missing.

    The fields are those of `Scenario`, and the names of those that the file gives. A table of named
    entries keeps the names of its broken entries, with None, so that to name one elsewhere is not a
    second problem.
    """

    schema_version: int | None
    title: str | None
    purpose: str | None
    arms: dict[str, Arm | None] | None
    correlations: Correlations | None
    binary_endpoints: dict[str, BinaryEndpoint | None] | None
    strata: dict[str, Factor | None] | None
    joint_prevalence: dict[str, JointPrevalence | None] | None
    assessments: TrialAssessments | None
    accrual: Accrual | None
    randomisation: Randomisation | None
    follow_up: FollowUp | None
    analyses: dict[str, Analysis | None] | None
    hypotheses: dict[str, Hypothesis | None] | None
    estimates: dict[str, ArmEstimate | None] | None
    stopping: Stopping | None
    plug_in: dict[str, PlugIn | None] | None
    study: Study | None
    simulation: Simulation | None
    given: frozenset[str]


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
    return fill_defaults(Draft(**read_pieces(reading, Scenario), given=frozenset(reading.data)))


def draft_of(scenario: Scenario) -> Draft:
    """The pieces of a scenario, to be checked again once some have changed.

    Parameters
    ----------
    scenario : Scenario
        A scenario, filled.

    Returns
    -------
    Draft
        What is None in the scenario counts as not given.
    """
    pieces = {name: getattr(scenario, name) for name in Scenario.model_fields}
    given = frozenset(name for name, piece in pieces.items() if piece is not None)
    return Draft(**pieces, given=given)


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
    simulation = draft.simulation
    if simulation is not None and simulation.members is None and _needs_members(draft):
        simulation = simulation.model_copy(update={"members": DEFAULT_MEMBERS})
    return replace(
        draft,
        simulation=simulation,
        hypotheses=hypotheses,
        estimates=estimates,
        stopping=stopping,
        randomisation=randomisation,
    )


def _needs_members(draft: Draft) -> bool:
    """Whether arms are uncertain, and no ensemble says how many truths there are."""
    arms = [arm for arm in (draft.arms or {}).values() if arm is not None]
    states = [arm.states for arm in arms if arm.states is not None]
    is_uncertain = any(uncertainty_of(arm, e) is not None for arm in arms for e in TIMES)
    return is_uncertain and not any(s.ensemble is not None or s.members for s in states)


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
