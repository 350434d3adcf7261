"""The command line, a module a command: parses, calls, prints, exits.

Exit codes: 0 done; 1 something failed; 2 bad input, nothing was done; 130 interrupted.
"""

from __future__ import annotations

import contextlib
import io
import signal
import sys

import click

from simulate import __version__
from simulate.cli.assurance import assurance
from simulate.cli.calibrate import calibrate
from simulate.cli.check import check, schema
from simulate.cli.common import InterruptedRun
from simulate.cli.compare import compare
from simulate.cli.curve import curve
from simulate.cli.design import design
from simulate.cli.folders import merge, show, status, verify
from simulate.cli.replay import replay
from simulate.cli.run import run
from simulate.cli.size import size
from simulate.cli.study import study
from simulate.cli.warmup import warmup

EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True)
@click.version_option(__version__, prog_name="simulate")
@click.pass_context
def cli(context: click.Context) -> None:
    """Simulate confirmatory clinical trials from scenario files."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


COMMANDS = (
    run,
    check,
    design,
    size,
    curve,
    study,
    assurance,
    calibrate,
    status,
    show,
    verify,
    compare,
    merge,
    replay,
    schema,
    warmup,
)
for command in COMMANDS:
    cli.add_command(command)


def main() -> None:
    """Run the command line, and turn every error into one clear message and an exit code."""
    from simulate.errors import RefusedError, ScenarioError, SimulateError

    # What batch systems send before they kill: end as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = cli.main(prog_name="simulate", standalone_mode=False)
    except ScenarioError as error:
        click.echo(str(error), err=True)
        code = EXIT_BAD_INPUT
    except RefusedError as error:
        click.echo(f"simulate: {error}", err=True)
        code = EXIT_BAD_INPUT
    except SimulateError as error:
        click.echo(f"simulate: {error}", err=True)
        code = EXIT_FAILED
    except InterruptedRun as error:
        click.echo(f"simulate: {error.message}", err=True)
        code = EXIT_INTERRUPTED
    except click.UsageError as error:
        # The options meant are those of the command that was called.
        command = "simulate" if error.ctx is None else error.ctx.command_path
        click.echo(
            f"simulate: {error.format_message()} ({command} --help lists the options)", err=True
        )
        code = EXIT_BAD_INPUT
    except click.ClickException as error:
        click.echo(
            f"simulate: {error.format_message()} (simulate --help lists the options)", err=True
        )
        code = EXIT_BAD_INPUT
    except (KeyboardInterrupt, click.Abort):
        click.echo("simulate: interrupted", err=True)
        code = EXIT_INTERRUPTED
    except OSError as error:
        with contextlib.suppress(OSError):
            click.echo(f"simulate: {error.strerror or error}", err=True)
        code = EXIT_FAILED
    except MemoryError:
        click.echo(
            "simulate: there is not enough memory; fewer --workers, or --keep summary, need less",
            err=True,
        )
        code = EXIT_FAILED
    if code == EXIT_INTERRUPTED:
        # What was cut off half-made complains when it is cleared away.
        sys.unraisablehook = lambda _: None
    sys.exit(code)
