"""Small runs stored in folders: how tests write, start, watch and compare them."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple
from unittest.mock import patch

from twins.feature_scenarios import feature_scenario

from simulate import api
from simulate.cli import main
from simulate.runner.columns import encode_rows
from simulate.runner.execute import Block, simulate_block
from simulate.runner.folder import RunFolder, start_folder
from simulate.runner.manifest import Manifest, new_manifest
from simulate.runner.pack import pack
from simulate.scenario.models import Scenario

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-c", "from simulate.cli import main; main()")
BLOCK = 20_000
GENEROUS_SECONDS = 120.0
# Eight patients: a block takes some 50 ms, and its file has 650 kB.
SCENARIO = """\
schema_version = 1
title = "Hardly any patients"
purpose = "Blocks of trials that take no time."

[arms.new]
pfs = { relative_to = "old", hazard_ratio = 0.6 }

[arms.old]
pfs = { distribution = "exponential", median_months = 8.0 }

[accrual]
patients = 8
arrivals = "poisson"
rate_per_month = 3.0

[analyses.final]
trigger = { endpoint = "pfs", events = 4, if_not_reached = "last_event" }

[hypotheses.pfs]
endpoint = "pfs"
arms = { experimental = "new", control = "old" }
test = { kind = "logrank" }
analyses = ["final"]
alpha = 0.025

[simulation]
trials = 50_000
seed = 7
"""


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    stdout: str
    stderr: str


def write_scenario(folder: Path, name: str = "tiny.toml") -> Path:
    file = folder / name
    file.write_text(SCENARIO, encoding="utf-8")
    return file


def scenario(file: Path, *overrides: str) -> Scenario:
    return api.load_scenario(str(file), overrides)


def undisturbed(
    file: Path,
    out: Path,
    trials: int,
    *overrides: str,
    keep: Literal["rows", "summary"] = "rows",
    seed: int | None = None,
) -> dict[str, bytes]:
    """Run in this process alone, and return what the folder holds."""
    api.run(scenario(file, *overrides), out=out, trials=trials, seed=seed, keep=keep, workers=1)
    return contents(out)


def contents(folder: Path) -> dict[str, bytes]:
    """Everything in a folder, hidden files too; it must not hold folders."""
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def rejected(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.rejected")


def blocks(folder: Path) -> list[Path]:
    return sorted(folder.glob("trials-*.parquet"))


def simulate(*arguments: object, **how: Any) -> Ended:
    """Run a command in a process of its own."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=GENEROUS_SECONDS,
        **how,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def in_process(*arguments: object) -> Ended:
    """Run a command in this process, as `simulate` does but without the second of start-up."""
    stdout, stderr = io.StringIO(), io.StringIO()
    log = logging.getLogger("simulate")
    handlers, propagates = log.handlers, log.propagate
    on_term = signal.getsignal(signal.SIGTERM)
    try:
        with (
            patch.object(sys, "argv", ["simulate", *map(str, arguments)]),
            contextlib.redirect_stdout(stdout),
            contextlib.redirect_stderr(stderr),
        ):
            main()
    except SystemExit as ended:
        code = 0 if ended.code is None else ended.code
    finally:
        log.handlers, log.propagate = handlers, propagates
        signal.signal(signal.SIGTERM, on_term)
    assert isinstance(code, int)
    return Ended(code, stdout.getvalue(), stderr.getvalue())


@contextlib.contextmanager
def started(*arguments: object, **how: Any) -> Iterator[subprocess.Popen[str]]:
    """Start a command as the leader of a process group; the group is killed at the end."""
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **how,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def end_of(process: subprocess.Popen[str]) -> Ended:
    stdout, stderr = process.communicate(timeout=GENEROUS_SECONDS)
    return Ended(process.returncode, stdout, stderr)


def wait_until(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Wait until something holds, while the process runs."""
    give_up = time.monotonic() + GENEROUS_SECONDS
    while not condition():
        if process.poll() is not None:
            stdout, stderr = process.communicate()
            raise AssertionError(f"ended before with {process.returncode}: {stdout}{stderr}")
        assert time.monotonic() < give_up
        time.sleep(0.002)


def holds(folder: Path, n_blocks: int) -> Callable[[], bool]:
    """Whether a folder holds so many blocks, to wait for."""
    return lambda: len(blocks(folder)) >= n_blocks


def worker_processes(process: subprocess.Popen[str]) -> list[int]:
    """Process numbers of the worker processes that a command has started."""
    listed = subprocess.run(
        ["pgrep", "-f", "-P", str(process.pid), "LokyProcess"],
        capture_output=True,
        text=True,
        check=False,
    )
    return [int(number) for number in listed.stdout.split()]


def assert_one_clear_message(ended: Ended, code: int, *words: str) -> None:
    """Exit code, nothing on standard output, and a message that says it all once."""
    assert ended.code == code, ended
    assert "Traceback" not in ended.stderr
    for word in words:
        assert ended.stderr.count(word) == 1, (word, ended.stderr)


def small_manifest(
    name: str = "hardly any patients",
    trials: int = 130,
    seed: int = 5,
    block_trials: int = 50,
    keep: str = "rows",
    **tables: Any,
) -> Manifest:
    """Manifest of a run with small blocks."""
    whole = feature_scenario(name, seed=seed, **tables)
    return new_manifest(api.with_simulation(whole, trials, None), block_trials, keep)


def block_bytes(manifest: Manifest, block: Block) -> bytes:
    """What the file of a block holds."""
    statistics = simulate_block(pack(manifest.to_scenario()), manifest.seed, block)
    return encode_rows(statistics, block.start, manifest.numbers, manifest.header)


def small_folder(path: Path, manifest: Manifest, chosen: slice = slice(None)) -> RunFolder:
    """A run folder with small blocks, all of them or some."""
    folder, _ = start_folder(path, manifest)
    for block in folder.planned()[chosen]:
        folder.add(block, block_bytes(manifest, block))
    return folder
