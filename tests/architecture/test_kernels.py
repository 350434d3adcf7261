"""Every kernel is compiled once, allocates nothing, and counts no references."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
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


@pytest.mark.slow
def test_a_kernel_has_one_signature(tmp_path: Path) -> None:
    # A second one, of a literal or of another type of integer, doubles the time to compile, and an
    # integer that was unified with an unsigned one has become a float. In a process with an empty
    # cache, since code from the cache does not name the kernels inside it.
    code = (
        "from architecture.test_kernels import KERNELS\n"
        "from simulate.runner.warmup import warm_up\n"
        "warm_up()\n"
        "for name, kernel in KERNELS.items():\n"
        "    print(name, len(kernel.signatures), 'Literal' in str(kernel.signatures))\n"
    )
    tests = str(Path(__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"SIMULATE_CACHE_DIR": str(tmp_path), "PYTHONPATH": tests},
    )
    found = [line.split() for line in done.stdout.splitlines()]
    assert {name for name, *_ in found} == set(KERNELS)
    assert [row for row in found if int(row[1]) > 1 or row[2] == "True"] == []
    assert sum(int(row[1]) for row in found) > 30


@pytest.mark.parametrize("name", sorted(KERNELS))
def test_a_kernel_cannot_allocate(name: str) -> None:
    options = KERNELS[name].targetoptions
    assert options["_nrt"] is False
    assert options["nogil"] is True
    assert options["error_model"] == "numpy"
    assert "fastmath" not in options
    assert "parallel" not in options
