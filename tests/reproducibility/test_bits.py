"""The same bytes whatever the number of workers, the order of blocks, the compiler, the processor.

The levels of vector instructions are compiled anew in processes of their own; those tests are slow.
"""

from __future__ import annotations

import ast
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import llvmlite.binding
import numpy as np
import pytest
from architecture.test_kernels import KERNELS
from reproducibility import statistics_hash
from twins.feature_scenarios import feature_scenario

import simulate
from simulate.api.blocks import Counts, counted, result_of, work_on
from simulate.api.inputs import planned_blocks, with_simulation
from simulate.engine import compile as engine_compile
from simulate.engine.statistics import Statistics, new_statistics
from simulate.results.result import Result
from simulate.runner.execute import BLOCK_TRIALS, blocks_of, simulate_block
from simulate.runner.pack import pack

FEW_TRIALS = 25
MANY_TRIALS = 100
N_WORKER_TRIALS = 4 * BLOCK_TRIALS + 77
TESTS = Path(__file__).parents[1]
PACKAGE = Path(engine_compile.__file__).parents[1]
IS_X86 = platform.machine() in {"x86_64", "AMD64"}
HAS_AVX2 = IS_X86 and llvmlite.binding.get_host_cpu_features().get("avx2", False)


@pytest.fixture(scope="module")
def block_by_block() -> Statistics:
    scenario = feature_scenario("hardly any patients")
    plan = pack(scenario)
    blocks = blocks_of(N_WORKER_TRIALS)
    statistics = new_statistics(N_WORKER_TRIALS, plan)
    for number in np.random.default_rng(3).permutation(len(blocks)):
        block = blocks[number]
        part = simulate_block(plan, scenario.simulation.seed, block)
        for name in Statistics._fields:
            getattr(statistics, name)[block.start : block.stop] = getattr(part, name)
    return statistics


@pytest.mark.parametrize("workers", [1, 2, 5, None])
def test_workers_and_the_order_of_blocks_do_not_matter(
    workers: int | None, block_by_block: Statistics
) -> None:
    scenario = feature_scenario("hardly any patients")
    statistics = simulate.run(scenario, trials=N_WORKER_TRIALS, workers=workers).statistics
    assert statistics is not None
    assert statistics_hash.hash_of([statistics]) == statistics_hash.hash_of([block_by_block])


def json_of(result: Result) -> str:
    """Every digit of every operating characteristic."""
    return json.dumps(result.to_json(), allow_nan=False)


def in_shuffled_order(name: str, seed: int) -> Result:
    """Result of blocks that are done in a random order."""
    scenario = with_simulation(feature_scenario(name), N_WORKER_TRIALS, None)
    blocks, work = planned_blocks(scenario), work_on(scenario, None)
    order = np.random.default_rng(seed).permutation(len(blocks))
    assert list(order) != sorted(order)
    done = ((blocks[place], work(blocks[place])) for place in order)
    return result_of(scenario, blocks, counted(done, Counts()))


@pytest.mark.parametrize("quantiles", ["exact", "binned to 1/128 month"])
@pytest.mark.parametrize("name", ["hardly any patients", "events that never come"])
def test_operating_characteristics_are_the_same_to_the_last_bit(
    name: str, quantiles: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if quantiles != "exact":
        monkeypatch.setattr("simulate.api.blocks.MOST_TRIALS_IN_MEMORY", 1)
    scenario = feature_scenario(name)
    of_one = simulate.run(scenario, trials=N_WORKER_TRIALS, workers=1)
    assert of_one.quantiles == quantiles
    # Other numbers of workers, above, give the same statistics.
    of_several = simulate.run(scenario, trials=N_WORKER_TRIALS, workers=3)
    assert json_of(of_several) == json_of(of_one)
    for seed in range(3):
        assert json_of(in_shuffled_order(name, seed)) == json_of(of_one), seed


def in_a_process(*arguments: str, cache: Path, **environment: str) -> str:
    """What Python prints in another process that keeps compiled code in a folder of its own."""
    paths = os.pathsep.join([str(TESTS), str(PACKAGE.parent)])
    settings = {"PYTHONPATH": paths, "SIMULATE_CACHE_DIR": str(cache)} | environment
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def hash_in_a_process(n_trials: int, cache: Path, **environment: str) -> tuple[str, str]:
    """Hash of the features' statistics and vector registers in another process."""
    program = str(Path(statistics_hash.__file__))
    digest, registers = in_a_process(program, str(n_trials), cache=cache, **environment).split()
    return digest, registers


def test_python_alone_gives_the_same_bytes(tmp_path: Path) -> None:
    here = statistics_hash.hash_of_features(FEW_TRIALS)
    assert hash_in_a_process(FEW_TRIALS, tmp_path, NUMBA_DISABLE_JIT="1") == (here, "none")


@pytest.mark.slow
@pytest.mark.anew
@pytest.mark.skipif(not IS_X86, reason="names processors of x86-64")
@pytest.mark.parametrize(
    ("processor", "registers"),
    [
        ("x86-64", "xmm"),
        pytest.param("haswell", "ymm", marks=pytest.mark.skipif(not HAS_AVX2, reason="needs AVX2")),
    ],
)
def test_levels_of_vector_instructions_give_the_same_bytes(
    processor: str, registers: str, tmp_path: Path
) -> None:
    here = statistics_hash.hash_of_features(MANY_TRIALS)
    level = {"NUMBA_CPU_NAME": processor, "NUMBA_CPU_FEATURES": ""}
    assert hash_in_a_process(MANY_TRIALS, tmp_path, **level) == (here, registers)


@pytest.mark.slow
@pytest.mark.anew
def test_compiling_anew_gives_the_same_bytes_and_a_kernel_one_signature(tmp_path: Path) -> None:
    # A second one, of a literal or of another type of integer, doubles the time to compile, and an
    # integer that was unified with an unsigned one has become a float. In a process with an empty
    # cache, since code from the cache does not name the kernels inside it.
    code = (
        "from architecture.test_kernels import KERNELS\n"
        "from reproducibility.statistics_hash import hash_of_features\n"
        "from simulate.runner.warmup import warm_up\n"
        "warm_up()\n"
        "for name, kernel in KERNELS.items():\n"
        "    print(name, len(kernel.signatures), 'Literal' in str(kernel.signatures))\n"
        f"print(hash_of_features({MANY_TRIALS}))\n"
    )
    *lines, digest = in_a_process("-c", code, cache=tmp_path).splitlines()
    assert digest == statistics_hash.hash_of_features(MANY_TRIALS)
    found = [line.split() for line in lines]
    assert {name for name, *_ in found} == set(KERNELS)
    assert [row for row in found if int(row[1]) > 1 or row[2] == "True"] == []
    assert sum(int(row[1]) for row in found) > 30


# What does not give the same bits everywhere: library functions, NumPy's reductions, and powers,
# which are library functions. Square roots and the four operations are exact by IEEE 754.
INEXACT = {"exp", "exp2", "expm1", "log", "log10", "log1p", "log2", "pow", "power", "fma"}
INEXACT |= {"sin", "cos", "tan", "tanh", "arctanh", "erf", "erfc", "gamma", "lgamma", "cbrt"}
INEXACT |= {
    "sum",
    "nansum",
    "cumsum",
    "mean",
    "nanmean",
    "var",
    "std",
    "dot",
    "average",
    "trapezoid",
}


def inexact_operations(source: str) -> list[str]:
    """Operations inside functions of a file whose bits may depend on the processor."""
    found = []
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Pow):
                found.append(f"{function.name}: power")
            if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.MatMult):
                found.append(f"{function.name}: matrix product")
            if isinstance(node, ast.Attribute) and node.attr in INEXACT:
                owner = ast.unparse(node.value)
                if owner != "elementary":
                    found.append(f"{function.name}: {owner}.{node.attr}")
            if isinstance(node, ast.keyword) and node.arg == "fastmath":
                found.append(f"{function.name}: fastmath")
    return found


@pytest.mark.parametrize(
    "file",
    [
        *sorted((PACKAGE / "engine").glob("*.py")),
        *sorted((PACKAGE / "runner" / "pack").glob("*.py")),
    ],
    ids=lambda file: file.name,
)
def test_kernels_and_packing_use_exact_operations(file: Path) -> None:
    assert inexact_operations(file.read_text(encoding="utf-8")) == []


def test_inexact_operations_are_found() -> None:
    source = "def f(x):\n    x **= 2\n    return math.exp(x) + x ** 0.5 + np.sum(x) + (x @ x)\n"
    kinds = sorted(operation.split(": ")[1] for operation in inexact_operations(source))
    assert kinds == ["math.exp", "matrix product", "np.sum", "power", "power"]
