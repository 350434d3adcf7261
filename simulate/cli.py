"""The command line: parses, calls, prints, exits.

Exit codes: 0 done; 1 something failed; 2 bad input, nothing was done; 130 interrupted.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from simulate import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130
FILE_WIDTH = 140


class WholeNumber(click.ParamType[int]):
    """A whole number, also as 1e6 or 100_000."""

    name = "number"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Read the number, or say what it should be."""
        for read in (int, _whole):
            try:
                return read(value)
            except (ValueError, OverflowError):
                continue
        raise click.BadParameter(f"must be a whole number, such as 100000 (given: {value})")


def _whole(text: str | int) -> int:
    """Read a number such as 1e6 that is whole."""
    number = float(text)
    if number != int(number):
        raise ValueError(text)
    return int(number)


WHOLE = WholeNumber()
file_argument = click.argument("file", type=click.Path())
set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="PATH=VALUE",
    help="Set a value of the scenario, e.g. accrual.patients=200. Repeatable.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True)
@click.version_option(__version__, prog_name="simulate")
@click.pass_context
def cli(context: click.Context) -> None:
    """Simulate confirmatory clinical trials from scenario files."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@cli.command()
@file_argument
@click.option("--trials", type=WHOLE, help="Number of trials, instead of the scenario's.")
@click.option("--seed", type=WHOLE, help="Seed, instead of the scenario's.")
@click.option("--workers", type=WHOLE, help="Processes; default: one a core.")
@set_option
@click.option("--figure", type=click.Path(), help="Draw the result into this PNG or SVG file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, nothing else.")
@click.option("--quiet", is_flag=True, help="No progress on standard error.")
def run(
    file: str,
    trials: int | None,
    seed: int | None,
    workers: int | None,
    overrides: Sequence[str],
    figure: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Simulate the trial in FILE and print its operating characteristics."""
    from simulate import api
    from simulate.report import figure as drawing
    from simulate.report.progress import progress_of

    scenario = api.load_scenario(file, overrides)
    scenario = api.with_simulation(scenario, trials, seed)
    if figure is not None:
        drawing.check_path(figure)
    stderr = _console(stderr=True, quiet=quiet)
    _compile(stderr)
    started = time.monotonic()
    with progress_of(scenario.simulation.trials, stderr) as progress:
        result = api.run(scenario, workers=workers, progress=progress)
    seconds = time.monotonic() - started
    if figure is not None:
        drawing.draw(result, figure)
    if as_json:
        _print_json(result.to_json())
    else:
        from simulate.report.text import print_result

        print_result(result, _console())
    n = scenario.simulation.trials
    stderr.print(f"{n:,} trials in {seconds:.1f} s ({n / seconds:,.0f} a second)", highlight=False)
    if figure is not None:
        stderr.print(f"drawn: {figure}", highlight=False)


@cli.command()
@file_argument
@set_option
def check(file: str, overrides: Sequence[str]) -> None:
    """Check FILE, and tell the trial in words with what closed forms expect of it."""
    from simulate.report.text import print_check
    from simulate.scenario.load import load_scenario

    print_check(load_scenario(file, overrides), _console())


@cli.command()
def schema() -> None:
    """Print the JSON Schema of scenario files."""
    from simulate.scenario.models import json_schema

    _print_json(json_schema())


@cli.command()
def warmup() -> None:
    """Compile the engine now, so that the first run starts at once."""
    from simulate.runner.warmup import warm_up

    started = time.monotonic()
    folder = warm_up()
    where = f"kept in {folder}" if folder else "not kept: the cache cannot be written"
    click.echo(f"engine compiled in {time.monotonic() - started:.1f} s, {where}")


def main() -> None:
    """Run the command line, and turn every error into one clear message and an exit code."""
    from simulate.errors import ScenarioError, SimulateError

    try:
        code = cli.main(standalone_mode=False)
    except ScenarioError as error:
        click.echo(str(error), err=True)
        code = EXIT_BAD_INPUT
    except SimulateError as error:
        click.echo(f"simulate: {error}", err=True)
        code = EXIT_FAILED
    except click.ClickException as error:
        click.echo(
            f"simulate: {error.format_message()} (simulate --help lists the options)", err=True
        )
        code = EXIT_BAD_INPUT
    except (KeyboardInterrupt, click.Abort):
        click.echo("simulate: interrupted; nothing was written", err=True)
        code = EXIT_INTERRUPTED
    sys.exit(code)


def _console(*, stderr: bool = False, quiet: bool = False) -> Console:
    """Open a console on standard output or standard error."""
    from rich.console import Console

    console = Console(stderr=stderr, quiet=quiet)
    if not console.is_terminal:
        # In a file nothing should be wrapped.
        console.width = FILE_WIDTH
    return console


def _compile(stderr: Console) -> None:
    """Compile the engine if that is still to be done, and say so, since it takes its time."""
    from simulate.engine.compile import has_compiled_code

    if not has_compiled_code():
        from simulate.runner.warmup import warm_up

        stderr.print("compiling the engine, once for this version and machine …")
        warm_up()


def _print_json(data: object) -> None:
    """Print one JSON object on standard output."""
    import json

    click.echo(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))
