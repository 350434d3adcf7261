"""Every kernel is compiled once, allocates nothing, and counts no references."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import simulate.engine
from simulate.runner.warmup import warm_up

MODULES = sorted(path.stem for path in Path(simulate.engine.__file__).parent.glob("*.py"))


def kernels() -> Iterator[tuple[str, Any]]:
    """Every compiled function of the engine, by its name."""
    for name in MODULES:
        module = importlib.import_module(f"simulate.engine.{name}")
        for attribute, value in vars(module).items():
            if hasattr(value, "py_func") and value.py_func.__module__ == module.__name__:
                yield f"{name}.{attribute}", value


KERNELS = dict(kernels())


def test_there_are_kernels() -> None:
    assert "trial.simulate_trials" in KERNELS
    assert len(KERNELS) > 30


@pytest.mark.parametrize("name", sorted(KERNELS))
def test_a_kernel_has_one_signature(name: str) -> None:
    # A second one, of a literal or of another type of integer, doubles the time to compile, and an
    # integer that was unified with an unsigned one has become a float.
    warm_up()
    signatures = KERNELS[name].signatures
    assert len(signatures) <= 1
    assert "Literal" not in str(signatures)


@pytest.mark.parametrize("name", sorted(KERNELS))
def test_a_kernel_cannot_allocate(name: str) -> None:
    options = KERNELS[name].targetoptions
    assert options["_nrt"] is False
    assert options["nogil"] is True
    assert options["error_model"] == "numpy"
    assert "fastmath" not in options
    assert "parallel" not in options
