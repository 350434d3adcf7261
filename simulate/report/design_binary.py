"""What the verbs of ``simulate design`` say about proportions."""

from __future__ import annotations

from simulate.design.arguments import check_whole, listed
from simulate.design.normal_power import rounded_up
from simulate.design.one_proportion import single_arm, single_arm_size
from simulate.design.simon import TwoStage, simon_designs, two_stage
from simulate.design.two_proportions import ProportionMethod, two_proportions_test
from simulate.errors import DesignError
from simulate.report.design import Answer, Figure, whole
from simulate.report.design_survival import EXACT_AND_ROUNDED

PROPORTIONS = {
    "farrington_manning": "Farrington and Manning (1990): variance at the null difference",
    "unpooled": "Unpooled variance, the same under both hypotheses",
}


def two_sample_answer(
    control_rate: float,
    experimental_rate: float,
    power: float | None,
    patients: int | None,
    alpha: float,
    ratio: float,
    null_difference: float,
    method: ProportionMethod,
) -> Answer:
    """Patients of a comparison of two proportions, or its power.

    Raises
    ------
    DesignError
        If not one of power and patients is given, or a value is out of its range.
    """
    _one_of(power, patients)
    test = two_proportions_test(control_rate, experimental_rate, ratio, null_difference, method)
    numbers: list[float]
    if patients is not None:
        check_whole(2, patients=patients)
        numbers, columns = [patients], {"exact": "with these patients"}
    else:
        assert power is not None
        exact = test.n_for(power, alpha)
        numbers, columns = [exact, rounded_up(exact, ratio)], EXACT_AND_ROUNDED
    figures = [
        Figure("patients", "patients of both arms", tuple(numbers), 2),
        Figure(
            "patients_control", "  control", tuple(whole(n / (1.0 + ratio)) for n in numbers), 2
        ),
        Figure(
            "patients_experimental",
            "  experimental",
            tuple(whole(n * ratio / (1.0 + ratio)) for n in numbers),
            2,
        ),
        Figure("power", "power", tuple(test.power(n, alpha) for n in numbers), 4),
    ]
    note = "the difference is taken for normal: simulate the trial where rates or arms are small"
    return Answer("two-sample", PROPORTIONS[method], columns, figures, [note])


def single_arm_answer(
    null_rate: float,
    alternative_rate: float,
    power: float | None,
    patients: int | None,
    alpha: float,
    max_patients: int,
) -> Answer:
    """Patients of a single arm with an exact binomial test, or its power.

    Raises
    ------
    DesignError
        If not one of power and patients is given, or a value is out of its range.
    """
    _one_of(power, patients)
    notes = ["the null rate is rejected with at least so many responders"]
    if patients is not None:
        designs = [single_arm(patients, null_rate, alternative_rate, alpha)]
        columns = {"exact": "with these patients"}
    else:
        assert power is not None
        size = single_arm_size(null_rate, alternative_rate, power, alpha, max_patients)
        designs = [size.smallest, size.lasting]
        columns = {"smallest": "fewest", "lasting": "lasting"}
        notes.append(
            "lasting: the power stays with every patient more, which after the fewest it may not"
        )
    return Answer(
        "single-arm",
        "Exact binomial test (Fleming 1982; A'Hern 2001)",
        columns,
        [
            Figure("patients", "patients", tuple(d.patients for d in designs), 0),
            Figure("responders", "responders that reject", tuple(d.responders for d in designs), 0),
            Figure("alpha", "alpha attained", tuple(d.alpha for d in designs), 4),
            Figure("power", "power", tuple(d.power for d in designs), 4),
        ],
        notes,
    )


def simon_answer(
    null_rate: float, alternative_rate: float, power: float, alpha: float, max_patients: int
) -> Answer:
    """Simon's designs, from the minimax to the optimal one.

    Raises
    ------
    DesignError
        If a value is out of its range, or there is no design.
    """
    designs = simon_designs(null_rate, alternative_rate, power, alpha, max_patients)
    columns = {"minimax": "minimax"}
    columns |= {f"admissible_{k}": "admissible" for k in range(1, len(designs) - 1)}
    columns |= {"optimal": "optimal"} if len(designs) > 1 else {}
    if len(designs) == 1:
        columns = {"minimax_and_optimal": "minimax and optimal"}
    notes = [
        "the trial stops after the first stage with at most so many responders, and does not "
        "reject with at most so many in all",
        f"among designs of at most {max_patients:,} patients",
    ]
    rows = _stages(designs)
    rows += [
        Figure("weight_from", "best for weights from", tuple(d.weight_from for d in designs), 4),
        Figure("weight_to", "  to", tuple(d.weight_to for d in designs), 4),
    ]
    notes.append("weights: of the patients; the rest is that of the patients expected")
    return Answer(
        "simon",
        "Simon (1989), with the admissible designs of Jung et al. (2004)",
        columns,
        rows,
        notes,
    )


def stages_answer(stages: tuple[float, ...], null_rate: float, alternative_rate: float) -> Answer:
    """Operating characteristics of a two-stage design that is given: r1, n1, r and n.

    Raises
    ------
    DesignError
        If a value is out of its range.
    """
    given = listed(stages)
    if len(stages) != 4 or any(not float(value).is_integer() for value in stages):
        raise DesignError("stages", "must be four whole numbers, r1,n1,r,n", given)
    r1, n1, r, n = (int(value) for value in stages)
    if not (0 <= r1 < n1 < n and r1 <= r < n):
        raise DesignError("stages", "must have 0 <= r1 < n1 < n and r1 <= r < n", given)
    design = two_stage(n1, r1, n, r, null_rate, alternative_rate)
    return Answer("simon", "Two stages as given, exact", {"given": "as given"}, _stages([design]))


def _stages(designs: list[TwoStage]) -> list[Figure]:
    """Rows of two-stage designs."""
    return [
        Figure(
            "first_patients", "patients, first stage", tuple(d.first_patients for d in designs), 0
        ),
        Figure("first_responders", "  stop at", tuple(d.first_responders for d in designs), 0),
        Figure("patients", "patients in all", tuple(d.patients for d in designs), 0),
        Figure("responders", "  not rejected at", tuple(d.responders for d in designs), 0),
        Figure("alpha", "alpha attained", tuple(d.alpha for d in designs), 4),
        Figure("power", "power", tuple(d.power for d in designs), 4),
        Figure(
            "early_stop", "stopped early at the null rate", tuple(d.early_stop for d in designs), 4
        ),
        Figure(
            "expected_patients",
            "patients expected at the null rate",
            tuple(d.expected_patients for d in designs),
            2,
        ),
    ]


def _one_of(power: float | None, patients: int | None) -> None:
    """Refuse both or neither."""
    if (power is None) == (patients is None):
        raise DesignError(
            "power", "must be given, or patients instead", "neither" if power is None else "both"
        )
