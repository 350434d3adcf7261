"""simulate design: closed forms for sizes, events and power, before anything is simulated."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from simulate.cli.common import NUMBERS, WHOLE, json_option, open_console, print_json

if TYPE_CHECKING:
    from simulate.design.nonproportional import LogrankWeights
    from simulate.errors import Problem
    from simulate.report.design import Answer

Command = Callable[..., None]
EVENT_METHODS = ("schoenfeld", "freedman", "hsieh_freedman")
# Parameters whose options have other names.
OPTIONS = {
    "rho": "--fleming-harrington",
    "gamma": "--fleming-harrington",
    "delay_months": "--modest-delay-months",
    "tau_months": "--rmst-months",
    "at_months": "--milestone-months",
}
SURVIVAL_METHODS = (*EVENT_METHODS, "lachin_foulkes", "bernstein_lagakos", "logrank")


class DesignGroup(click.Group):
    """Commands whose refusals name options, not parameters."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command, and turn its refusal into that of an option."""
        from simulate.errors import DesignError, ScenarioError

        try:
            return super().invoke(ctx)
        except DesignError as error:
            raise ScenarioError([self._of_options(error.problem)]) from None

    def _of_options(self, problem: Problem) -> Problem:
        """Name options wherever the problem names parameters of theirs."""
        from dataclasses import replace

        options = {
            str(parameter.name): parameter.opts[0]
            for command in self.commands.values()
            for parameter in command.params
        }
        several = [re.escape(name) for name in options if "_" in name]
        pattern = re.compile(rf"\b({'|'.join(several)})\b")

        def named(words: str) -> str:
            return pattern.sub(lambda found: options[found[1]], words)

        where = (options | OPTIONS).get(problem.path, problem.path)
        rule, remedy = named(problem.rule), named(problem.remedy)
        return replace(problem, path="", rule=rule, remedy=remedy, where=where)


@click.group(cls=DesignGroup, invoke_without_command=True)
@click.pass_context
def design(context: click.Context) -> None:
    """Work out events, sizes and power by closed forms.

    They are approximations, but for the exact ones of a single arm: simulate the trial before you
    rely on them. Alpha is one-sided.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def _options(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several options as one decorator, in their order."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


alpha_option = click.option(
    "--alpha", type=float, default=0.025, show_default=True, help="One-sided level."
)
ratio_option = click.option(
    "--ratio",
    type=float,
    default=1.0,
    show_default=True,
    help="Experimental patients to one control patient.",
)
null_option = click.option(
    "--null-hazard-ratio",
    type=float,
    default=1.0,
    show_default=True,
    help="Hazard ratio under the null hypothesis.",
)
power_option = click.option("--power", type=float, help="Power to be reached.")
patients_option = click.option("--patients", type=WHOLE, help="Patients of both arms.")
hazard_options = _options(
    click.option("--control-median-months", type=float, help="Median of the control arm."),
    click.option(
        "--control-shape",
        type=float,
        default=1.0,
        show_default=True,
        help="Shape of the control arm's Weibull; 1 is the exponential.",
    ),
    click.option(
        "--control-rate-per-month",
        type=NUMBERS,
        metavar="R,R",
        help="Instead of the median: hazards of the control arm.",
    ),
    click.option(
        "--control-from-months", type=NUMBERS, metavar="0,M", help="Months at which they begin."
    ),
    click.option(
        "--hazard-ratio",
        type=NUMBERS,
        metavar="H,H",
        required=True,
        help="Experimental over control; several if it changes with time.",
    ),
    click.option(
        "--hazard-ratio-from-months",
        type=NUMBERS,
        metavar="0,M",
        help="Months at which they begin.",
    ),
    click.option(
        "--dropout-rate-per-month",
        type=float,
        default=0.0,
        show_default=True,
        help="Hazard of dropping out, in both arms.",
    ),
)
entry_options = _options(
    click.option("--accrual-months", type=float, help="Months in which patients enter."),
    click.option(
        "--accrual-rate-per-month",
        type=NUMBERS,
        metavar="N,N",
        help="Patients a month of both arms; several if it changes.",
    ),
    click.option(
        "--accrual-from-months", type=NUMBERS, metavar="0,M", help="Months at which they begin."
    ),
)
follow_up_option = click.option(
    "--follow-up-months", type=float, help="From the end of accrual to the look."
)


def _method_option(methods: Sequence[str], default: str) -> Callable[[Command], Command]:
    return click.option("--method", type=click.Choice(methods), default=default, show_default=True)


def _show(answer: Answer, as_json: bool, unused: Sequence[str] = ()) -> None:
    """Print what was found, with the options that it was found from."""
    context = click.get_current_context()
    inputs = {
        str(option.name): context.params[str(option.name)]
        for option in context.command.params
        if option.name not in ("as_json", *unused)
    }
    inputs = {name: value for name, value in inputs.items() if value not in (None, ())}
    if as_json:
        print_json(answer.to_json(inputs))
        return
    from simulate.report.design import print_answer

    options = [
        written
        for option in context.command.params
        if option.name in inputs
        for value in (inputs[option.name] if option.multiple else [inputs[option.name]])
        for written in _written(option.opts[0], value)
    ]
    print_answer(answer, options, open_console())


def _written(option: str, value: object) -> list[str]:
    """Write an option and its value as on the command line; a flag that is not set is nothing."""
    if isinstance(value, bool):
        return [option] if value else []
    return [f"{option} {_given(value)}"]


def _given(value: object) -> str:
    """Write a value as it is given on the command line."""
    if isinstance(value, tuple):
        return ",".join(map(_given, value))
    return f"{value:.10g}" if isinstance(value, float) else str(value)


@design.command(short_help="Events, power or hazard ratio of a log-rank test.")
@click.option("--hazard-ratio", type=float, help="Experimental over control.")
@power_option
@click.option("--events", type=WHOLE, help="Events of both arms.")
@alpha_option
@ratio_option
@null_option
@_method_option(EVENT_METHODS, "schoenfeld")
@json_option
def events(as_json: bool, **given: Any) -> None:
    """Events, power or hazard ratio of a log-rank test: two are given, the third is found."""
    from simulate.report.design_survival import events_answer

    _show(events_answer(**given), as_json)


@design.command(short_help="Patients, months of accrual or of follow-up for a power.")
@power_option
@hazard_options
@entry_options
@follow_up_option
@alpha_option
@ratio_option
@null_option
@_method_option(SURVIVAL_METHODS, "lachin_foulkes")
@json_option
def size(
    power: float | None,
    alpha: float,
    null_hazard_ratio: float,
    method: Any,
    as_json: bool,
    **figures: Any,
) -> None:
    """Patients, or months of accrual or of follow-up, that give a power.

    Of --accrual-rate-per-month, --accrual-months and --follow-up-months the one that is left out is
    found.
    """
    from simulate.design.survival_size import Question
    from simulate.errors import DesignError
    from simulate.report.design_survival import size_answer

    if power is None:
        raise DesignError("power", "must be given")
    _show(size_answer(power, Question(method, alpha, null_hazard_ratio), figures), as_json)


@design.command(short_help="Power of a log-rank test with patients that are given.")
@patients_option
@hazard_options
@entry_options
@follow_up_option
@alpha_option
@ratio_option
@null_option
@_method_option(SURVIVAL_METHODS, "lachin_foulkes")
@json_option
def power(
    patients: int | None,
    alpha: float,
    null_hazard_ratio: float,
    method: Any,
    as_json: bool,
    **figures: Any,
) -> None:
    """Power of a log-rank test with patients, accrual and follow-up that are given."""
    from simulate.design.survival_size import Question
    from simulate.report.design_survival import power_answer

    question = Question(method, alpha, null_hazard_ratio)
    _show(power_answer(question, patients, figures), as_json)


@design.command()
@click.option(
    "--calendar-months", type=NUMBERS, metavar="M,M", required=True, help="Months of the looks."
)
@patients_option
@hazard_options
@entry_options
@ratio_option
@json_option
def ahr(
    calendar_months: tuple[float, ...], patients: int | None, as_json: bool, **figures: Any
) -> None:
    """Average hazard ratio and expected events at calendar months."""
    from simulate.report.design_survival import ahr_answer

    _show(ahr_answer(calendar_months, patients, figures), as_json)


@design.command("nph-power", short_help="Power of several tests under any hazards, or patients.")
@patients_option
@power_option
@hazard_options
@entry_options
@follow_up_option
@click.option(
    "--fleming-harrington",
    type=NUMBERS,
    multiple=True,
    metavar="RHO,GAMMA",
    help="A weighted log-rank test besides. Repeatable.",
)
@click.option(
    "--modest-delay-months",
    type=float,
    multiple=True,
    metavar="M",
    help="A modestly weighted log-rank test besides. Repeatable.",
)
@click.option(
    "--maxcombo",
    is_flag=True,
    help="The largest z of the log-rank test and of these, at most four, as a test besides.",
)
@click.option(
    "--rmst-months",
    type=float,
    multiple=True,
    metavar="M",
    help="A test of restricted means besides. Repeatable.",
)
@click.option(
    "--milestone-months",
    type=float,
    multiple=True,
    metavar="M",
    help="A test of survival at a month besides. Repeatable.",
)
@click.option(
    "--judged",
    type=click.Choice(("own_variance", "null_information")),
    default="own_variance",
    show_default=True,
    help="How log-rank tests are judged: by their own variance, or as gsDesign2 does.",
)
@alpha_option
@ratio_option
@json_option
def nph_power(
    fleming_harrington: Sequence[tuple[float, ...]],
    modest_delay_months: Sequence[float],
    maxcombo: bool,
    as_json: bool,
    patients: int | None,
    power: float | None,
    alpha: float,
    judged: Any,
    rmst_months: Sequence[float],
    milestone_months: Sequence[float],
    **figures: Any,
) -> None:
    """Power of several tests under any hazards, and with --power the patients that they need."""
    from simulate.report.design_survival import nph_answer

    weights = _weighted(fleming_harrington, modest_delay_months)
    months = rmst_months, milestone_months
    answer = nph_answer(power, alpha, judged, weights, maxcombo, *months, patients, figures)
    _show(answer, as_json)


def _weighted(
    fleming_harrington: Sequence[tuple[float, ...]], modest_delay_months: Sequence[float]
) -> list[tuple[str, str, LogrankWeights]]:
    """Keys, labels and weights of the tests that are asked for."""
    from simulate.design.nonproportional import LogrankWeights
    from simulate.errors import DesignError

    found = []
    for exponents in fleming_harrington:
        if len(exponents) != 2:
            given = ",".join(map(_given, exponents))
            raise DesignError("fleming_harrington", "must be two numbers, RHO,GAMMA", given)
        rho, gamma = exponents
        label = f"Fleming-Harrington ({rho:g}, {gamma:g})"
        found.append((f"fh_{rho:g}_{gamma:g}", label, LogrankWeights(rho, gamma)))
    for months in modest_delay_months:
        label = f"modest weights, delay {months:g}"
        found.append((f"modest_{months:g}", label, LogrankWeights(delay_months=months)))
    return found


@design.command("two-sample")
@click.option("--control-rate", type=float, required=True, help="Rate of the control arm.")
@click.option("--experimental-rate", type=float, required=True, help="Rate of the other one.")
@power_option
@patients_option
@click.option(
    "--null-difference",
    type=float,
    default=0.0,
    show_default=True,
    help="Experimental less control rate under the null hypothesis; below 0: non-inferiority.",
)
@alpha_option
@ratio_option
@_method_option(("farrington_manning", "unpooled"), "farrington_manning")
@json_option
def two_sample(as_json: bool, **given: Any) -> None:
    """Patients of a comparison of two proportions, or its power."""
    from simulate.report.design_binary import two_sample_answer

    _show(two_sample_answer(**given), as_json)


rate_options = _options(
    click.option("--null-rate", type=float, required=True, help="Rate to be rejected."),
    click.option("--alternative-rate", type=float, required=True, help="Rate that is hoped for."),
)


@design.command("single-arm", short_help="Patients of a single arm, exact binomial, or its power.")
@rate_options
@power_option
@patients_option
@alpha_option
@click.option("--max-patients", type=WHOLE, default=2000, show_default=True, help="At most.")
@json_option
def single_arm(as_json: bool, **given: Any) -> None:
    """Patients of a single arm with an exact binomial test, or its power."""
    from simulate.report.design_binary import single_arm_answer

    _show(single_arm_answer(**given), as_json)


@design.command(short_help="Two-stage designs of a single arm.")
@rate_options
@power_option
@alpha_option
@click.option("--max-patients", type=WHOLE, default=100, show_default=True, help="At most.")
@click.option(
    "--stages",
    type=NUMBERS,
    metavar="R1,N1,R,N",
    help="Judge this design instead: stop with at most R1 of N1, not rejected with R of N.",
)
@json_option
def simon(
    null_rate: float,
    alternative_rate: float,
    power: float | None,
    alpha: float,
    max_patients: int,
    stages: tuple[float, ...] | None,
    as_json: bool,
) -> None:
    """Two-stage designs of a single arm: minimax, admissible and optimal."""
    from simulate.errors import DesignError
    from simulate.report.design_binary import simon_answer, stages_answer

    if (power is None) == (stages is None):
        given = "neither" if power is None else "both"
        raise DesignError("power", "must be given, or stages instead", given)
    if stages is not None:
        _show(
            stages_answer(stages, null_rate, alternative_rate), as_json, ("alpha", "max_patients")
        )
    elif power is not None:
        answer = simon_answer(null_rate, alternative_rate, power, alpha, max_patients)
        _show(answer, as_json)
