"""Interrupts wait, are not lost, and reach this process alone."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress

import pytest
from unit.sleepers import Listener

from simulate.runner.execute import blocks_of
from simulate.runner.interrupts import INTERRUPTS, held_back, kept
from simulate.runner.workers import over_blocks

BOTH = pytest.mark.parametrize("context", [held_back, kept])
Context = Callable[[], AbstractContextManager[None]]


@pytest.fixture(autouse=True)
def handlers() -> None:
    """Whatever the tests were started by: Ctrl-C interrupts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_an_interrupt_held_back_comes_at_the_end() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), held_back():
        signal.raise_signal(signal.SIGINT)
        done.append("all")
    assert done == ["all"]


def test_an_interrupt_swallowed_comes_again() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), kept():
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
            done.append("never")
        done.append("all")
    assert done == ["all"]


@BOTH
def test_handlers_are_put_back(context: Context) -> None:
    before = [signal.getsignal(number) for number in INTERRUPTS]
    with context():
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    assert [signal.getsignal(number) for number in INTERRUPTS] == before
    with pytest.raises(ZeroDivisionError), context():
        raise ZeroDivisionError
    assert [signal.getsignal(number) for number in INTERRUPTS] == before


@BOTH
@pytest.mark.parametrize("default", [signal.SIG_DFL, signal.SIG_IGN])
def test_what_python_does_not_handle_is_left_alone(
    context: Context, default: signal.Handlers
) -> None:
    before = signal.signal(signal.SIGTERM, default)
    try:
        with context():
            assert signal.getsignal(signal.SIGTERM) == default
    finally:
        signal.signal(signal.SIGTERM, before)


@BOTH
def test_other_threads_may_enter_and_change_nothing(context: Context) -> None:
    seen = []

    def enter() -> None:
        with context():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]


def test_interrupts_do_not_reach_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONWARNINGS", "default")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    found = [seen for _, seen in over_blocks(Listener(), blocks_of(100_000), workers=2)]
    assert len(found) == 5
    for process, blocked in found:
        assert process != os.getpid()
        assert set(INTERRUPTS) <= blocked
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
    assert os.environ["PYTHONWARNINGS"] == "default"
