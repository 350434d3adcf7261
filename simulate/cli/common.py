"""What the commands share: kinds of argument, the console, how data are printed."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

FILE_WIDTH = 140


class InterruptedRun(click.ClickException):
    """Ctrl-C, with what it leaves behind."""

    exit_code = 130


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


class Numbers(click.ParamType[tuple[float, ...]]):
    """Numbers with commas between them."""

    name = "numbers"

    def convert(
        self,
        value: str | tuple[float, ...],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[float, ...]:
        """Read the numbers, or say what they should be."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(float(part) for part in value.split(","))
        except ValueError:
            raise click.BadParameter(
                f"must be numbers with commas between, such as 1.0,0.85 (given: {value})"
            ) from None


WHOLE = WholeNumber()
NUMBERS = Numbers()
file_argument = click.argument("file", type=click.Path())
set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="PATH=VALUE",
    help="Set a value of FILE, e.g. accrual.patients=200. Repeatable.",
)
seed_option = click.option("--seed", type=WHOLE, help="Seed, instead of the scenario's.")
trials_option = click.option(
    "--trials", type=WHOLE, help="Number of trials, instead of the scenario's."
)
workers_option = click.option("--workers", type=WHOLE, help="Processes; default: one a core.")
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object, nothing else."
)
quiet_option = click.option("--quiet", is_flag=True, help="No progress on standard error.")


def open_console(*, stderr: bool = False, quiet: bool = False) -> Console:
    """Open a console on standard output or standard error."""
    from rich.console import Console

    console = Console(stderr=stderr, quiet=quiet, markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        # In a file nothing should be wrapped.
        console.width = FILE_WIDTH
    return console


def compile_engine(stderr: Console) -> None:
    """Compile the engine if that is still to be done, and say so, since it takes its time."""
    from simulate.engine.compile import has_compiled_code

    if not has_compiled_code():
        from simulate.runner.warmup import warm_up

        stderr.print("compiling the engine, once for this version and machine …")
        warm_up()


@contextmanager
def options_named() -> Iterator[None]:
    """Name options in problems with what they give."""
    from dataclasses import replace

    from simulate.errors import ScenarioError

    context = click.get_current_context()
    names = {str(p.name): p.opts[0] for p in context.command.params if p.opts[0].startswith("--")}
    names |= {"from": "--from", "to": "--to", "range": "--from and --to"}
    try:
        yield
    except ScenarioError as error:
        raise ScenarioError(
            [
                replace(problem, path="", where=names[problem.path])
                if problem.path in names
                else problem
                for problem in error.problems
            ]
        ) from None


def print_json(data: object) -> None:
    """Print one JSON object on standard output."""
    import json

    click.echo(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))


def logs_on(stderr: Console) -> None:
    """Print what the package logs, such as workers that died, on standard error."""
    import logging

    class ToConsole(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            stderr.print(self.format(record), soft_wrap=True)

    log = logging.getLogger("simulate")
    log.handlers = [ToConsole()]
    log.propagate = False


def check_pictures(**files: str | None) -> None:
    """Refuse two pictures in one file: the second would replace the first."""
    from pathlib import Path

    given = {f"--{option}": Path(file).resolve() for option, file in files.items() if file}
    if len(set(given.values())) < len(given):
        raise click.UsageError(f"{' and '.join(given)} must be different files")


def print_drawn(stderr: Console, *files: str | None) -> None:
    """Say which pictures were drawn."""
    for file in files:
        if file is not None:
            stderr.print(f"drawn: {file}", soft_wrap=True)
