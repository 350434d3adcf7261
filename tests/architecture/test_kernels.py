"""A kernel allocates nothing, and counts no references.

That each is compiled once is seen where all are compiled anew: `reproducibility/test_bits.py`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import simulate.engine

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
def test_a_kernel_cannot_allocate(name: str) -> None:
    options = KERNELS[name].targetoptions
    assert options["_nrt"] is False
    assert options["nogil"] is True
    assert options["error_model"] == "numpy"
    assert "fastmath" not in options
    assert "parallel" not in options
