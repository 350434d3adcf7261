"""Interrupts, by Ctrl-C or by a batch system: who takes them, and when."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def held_back() -> Iterator[None]:
    """Let an interrupt wait for the end of what is short and must not be interrupted."""
    with _noted(passed_on=False):
        yield


@contextmanager
def kept() -> Iterator[None]:
    """Pass on an interrupt at once, and again at the end, since it may have been swallowed."""
    with _noted(passed_on=True):
        yield


@contextmanager
def _noted(*, passed_on: bool) -> Iterator[None]:
    """Note interrupts, for the handlers there are to be called at the end."""
    # Python handles signals in the main thread only.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    noted: list[int] = []
    before = {number: signal.getsignal(number) for number in INTERRUPTS}

    def note(number: int, frame: FrameType | None) -> None:
        noted.append(number)
        handler = before[signal.Signals(number)]
        if passed_on and callable(handler):
            handler(number, frame)

    ours = [number for number in INTERRUPTS if callable(before[number])]
    for number in ours:
        signal.signal(number, note)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, before[number])
    if noted:
        signal.raise_signal(noted[0])


@contextmanager
def kept_from_children() -> Iterator[None]:
    """Start worker processes here: Ctrl-C, which goes to all processes, interrupts this one alone.

    Processes and threads inherit what is blocked. A worker that took the signal, too, would die
    with a traceback, and break its pool while that is being shut down.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    _start_trackers()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_trackers() -> None:
    """Start what removes semaphores after this process, as its first worker else would.

    Before Python 3.12 starting it lets signals through again. It would also have the last word on
    the terminal: a warning of a semaphore that this process removed, but could not say so any more.
    """
    from multiprocessing import resource_tracker as of_python  # noqa: PLC0415

    from joblib.externals.loky.backend import resource_tracker as of_joblib  # noqa: PLC0415

    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, (before, "ignore:resource_tracker")))
    try:
        of_python.ensure_running()
        of_joblib.ensure_running()
    finally:
        del os.environ["PYTHONWARNINGS"]
        if before is not None:
            os.environ["PYTHONWARNINGS"] = before
