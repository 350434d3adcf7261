"""simulate warmup: compile the engine ahead of the first run."""

from __future__ import annotations

import time

import click


@click.command()
def warmup() -> None:
    """Compile the engine now, so that the first run starts at once."""
    from simulate.runner.warmup import warm_up

    started = time.monotonic()
    folder = warm_up()
    where = f"kept in {folder}" if folder else "not kept: the cache cannot be written"
    click.echo(f"engine compiled in {time.monotonic() - started:.1f} s, {where}")
