"""The published trial as a scenario, to be simulated under any parameters of its model."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulate.calibration.evidence import Evidence
from simulate.calibration.readings import Readings, readings_of
from simulate.engine.arrays import FloatArray
from simulate.runner.execute import Block, Progress, compile_kernels, simulate_block
from simulate.runner.pack import pack
from simulate.scenario.load import scenario_from_dict
from simulate.scenario.models import Scenario
from simulate.scenario.states import MemberHazards

BLOCK_TRIALS = 4_000
# Rounds take trials of their own: so far apart.
TRIALS_A_ROUND = 2**40
PUBLICATION = "publication"


@dataclass(frozen=True)
class Replicate:
    """The published trial, ready to be simulated.

    Attributes
    ----------
    evidence : Evidence
        What was published.
    readings : Readings
        How its figures are read off a simulated trial.
    scenario : Scenario
        The trial, with the medians of the priors as its one member.
    """

    evidence: Evidence
    readings: Readings
    scenario: Scenario

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters that have priors."""
        return tuple(parameter.name for parameter in self.evidence.model.free)

    def with_members(self, parameters: FloatArray) -> Scenario:
        """The trial with a member for each row of ``parameters`` (M, P)."""
        arm = self.evidence.trial.arm
        # Arrays where a file has lists: there may be tens of thousands, and they need no check.
        construct: Any = MemberHazards.model_construct
        members = {
            name: construct(shape=shape, cumulative_12=cumulative)
            for name, (shape, cumulative) in member_hazards(self.evidence, parameters).items()
        }
        treated = self.scenario.arms[arm]
        assert treated.states is not None
        states = treated.states.model_copy(update={"members": members})
        arms = {arm: treated.model_copy(update={"states": states})}
        return self.scenario.model_copy(update={"arms": arms})

    def simulate(
        self,
        parameters: FloatArray,
        replicates: int,
        first_trial: int,
        seed: int,
        *,
        workers: int = 1,
        progress: Progress | None = None,
        of_predictions: bool = False,
    ) -> FloatArray:
        """Simulate the trial under many parameters.

        Parameters
        ----------
        parameters : FloatArray, shape (M, P)
            In the order of ``parameters``.
        replicates : int
            Trials R for each.
        first_trial : int
            Number of the first trial.
        seed : int
            Key of the random numbers.
        workers : int
            Threads; the result is the same for any number.
        progress : callable, optional
            Called with the number of trials done since it was called last.
        of_predictions : bool
            Whether to return what the trials would have published instead of their features.

        Returns
        -------
        FloatArray, shape (M, R, K)
            K features, or predictions; NaN where one does not exist.
        """
        n_members = len(parameters)
        plan = pack(self.with_members(parameters))
        compile_kernels(plan)
        # So that the first trial is the first member's.
        first = -(-first_trial // n_members) * n_members
        stop = first + n_members * replicates
        blocks = [Block(t, min(t + BLOCK_TRIALS, stop)) for t in range(first, stop, BLOCK_TRIALS)]
        read = self.readings.predictions_of if of_predictions else self.readings.features_of

        def work(block: Block) -> FloatArray:
            return read(simulate_block(plan, seed, block, progress))

        with ThreadPoolExecutor(max_workers=workers) as pool:
            try:
                parts = list(pool.map(work, blocks))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        values = np.concatenate(parts).reshape(replicates, n_members, -1)
        return np.ascontiguousarray(values.transpose(1, 0, 2))


def replicate_of(evidence: Evidence, readings: Readings | None = None) -> Replicate:
    """The published trial as a scenario: its patients, follow-up, scans, and figures as estimates.

    Parameters
    ----------
    evidence : Evidence
        Evidence as loaded.
    readings : Readings, optional
        What is read off it, instead of the published figures.

    Returns
    -------
    Replicate
    """
    readings = readings_of(evidence) if readings is None else readings
    return Replicate(evidence, readings, scenario_from_dict(scenario_tables(evidence, readings)))


def scenario_tables(evidence: Evidence, readings: Readings) -> dict[str, Any]:
    """Tables of the scenario that simulates the published trial."""
    medians = np.array([[parameter.median for parameter in evidence.model.free]])
    members = {
        name: {"shape": tuple(map(float, shape)), "cumulative_12": tuple(map(float, cumulative))}
        for name, (shape, cumulative) in member_hazards(evidence, medians).items()
    }
    return trial_tables(
        evidence,
        title=f"A replicate of: {evidence.title}",
        purpose="The published trial, simulated as its figures were made.",
        disease={"states": {"members": members, "clocks": clocks_of(evidence)}},
        estimates=readings.estimates(evidence.trial.arm),
        trials=10_000,
    )


def trial_tables(
    evidence: Evidence,
    *,
    title: str,
    purpose: str,
    disease: dict[str, Any],
    estimates: dict[str, Any],
    trials: int,
) -> dict[str, Any]:
    """Tables of a scenario with the patients, the follow-up and the scans of the published trial.

    Parameters
    ----------
    evidence : Evidence
        Evidence as loaded.
    title, purpose : str
        Of the scenario.
    disease : dict
        Tables of the arm: its endpoints, or its states.
    estimates : dict
        Tables of what is estimated at the cutoff.
    trials : int
        How many are simulated unless told.

    Returns
    -------
    dict
    """
    arm = dict(disease)
    if evidence.loss_rate > 0.0:
        arm["dropout"] = {"distribution": "exponential", "rate_per_month": evidence.loss_rate}
    steps = evidence.follow_up.accrual_steps(evidence.trial.patients)
    tables: dict[str, Any] = {
        "schema_version": 1,
        "title": title,
        "purpose": purpose,
        "arms": {evidence.trial.arm: arm},
        "accrual": {
            "patients": evidence.trial.patients,
            "arrivals": "evenly_spaced",
            "rates_per_month": [{"from_month": month, "rate": rate} for month, rate in steps],
        },
        "analyses": {
            PUBLICATION: {"trigger": {"calendar_months": float(evidence.follow_up.range_months[1])}}
        },
        "estimates": estimates,
        "simulation": {"trials": trials, "seed": evidence.calibration.seed},
    }
    if evidence.assessments is not None:
        scans = evidence.assessments.model_dump(
            exclude={"status", "source"}, exclude_none=True, exclude_defaults=True
        )
        scans["not_evaluable_probability"] = evidence.n_not_evaluable / evidence.trial.patients
        tables["assessments"] = scans | {"censor_at": "last_scan"}
    return tables


def clocks_of(evidence: Evidence) -> dict[str, str]:
    """Clocks of the transitions out of response and progression."""
    return {
        name: transition.clock
        for name, transition in evidence.model.transitions.items()
        if not name.startswith("stable")
    }


def member_hazards(
    evidence: Evidence, parameters: FloatArray
) -> Mapping[str, tuple[FloatArray, FloatArray]]:
    """Shape and cumulative hazard at 12 months of each transition, for parameters (M, P).

    Parameters that are held are the same for all; a transition may take those of another.
    """
    model = evidence.model
    columns = {p.name: parameters[:, i] for i, p in enumerate(model.free)}
    held = {name: np.full(len(parameters), value) for name, value in model.held.items()}
    known = columns | held
    return {
        name: (known[f"{model.owner(name)}.shape"], known[f"{model.owner(name)}.cumulative_12"])
        for name in model.transitions
    }
