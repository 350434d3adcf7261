"""Progress of long work on standard error: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def progress_of(n_trials: int, console: Console) -> Iterator[Callable[[int], None]]:
    """Show how many of ``n_trials`` are done; yields the function to call with each number done."""
    if console.is_terminal:
        yield from _bar(n_trials, console)
    else:
        yield _lines(n_trials, console)


def _bar(n_trials: int, console: Console) -> Iterator[Callable[[int], None]]:
    """Draw a bar with trials a second and time left; it disappears at the end."""
    from rich.progress import (  # noqa: PLC0415 - only when a bar is drawn
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("simulating"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("trials, {task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("simulating", total=n_trials, rate="starting")
        rate = _Rate()

        def advance(n: int) -> None:
            bar.update(task, advance=n, rate=f"{rate.after(n):,.0f} a second")

        yield advance


def _lines(n_trials: int, console: Console) -> Callable[[int], None]:
    """Print a line every few seconds."""
    rate = _Rate()
    last_line = time.monotonic()

    def advance(n: int) -> None:
        nonlocal last_line
        speed = rate.after(n)
        if time.monotonic() - last_line >= SECONDS_BETWEEN_LINES:
            last_line = time.monotonic()
            left = (n_trials - rate.done) / speed
            console.print(
                f"{rate.done:,} of {n_trials:,} trials, {speed:,.0f} a second, {left:,.0f} s left",
                highlight=False,
            )

    return advance


class _Rate:
    """Trials done and trials a second."""

    def __init__(self) -> None:
        self.done = 0
        self.start = time.monotonic()

    def after(self, n: int) -> float:
        """Count ``n`` more trials; return trials a second since the start."""
        self.done += n
        return self.done / max(time.monotonic() - self.start, 1e-9)
