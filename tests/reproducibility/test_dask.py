"""Run folders written by the workers of a dask cluster."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from reproducibility.stored_runs import (
    BLOCK,
    ROOT,
    assert_one_clear_message,
    contents,
    end_of,
    holds,
    in_process,
    rejected,
    simulate,
    started,
    undisturbed,
    wait_until,
    write_scenario,
)

from simulate.runner import workers

TRIALS = 100 * BLOCK

distributed = pytest.importorskip("distributed")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextlib.contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the cluster; it is killed at the end."""
    with subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def scheduler(address: str) -> contextlib.AbstractContextManager[subprocess.Popen[bytes]]:
    port = address.rpartition(":")[2]
    place = ("--host", "127.0.0.1", "--port", port, "--no-dashboard")
    return process("distributed.cli.dask_scheduler", *place)


def worker(
    address: str, folder: Path
) -> contextlib.AbstractContextManager[subprocess.Popen[bytes]]:
    place = ("--local-directory", str(folder), "--no-dashboard")
    how = ("--nthreads", "1", "--no-nanny")
    return process("distributed.cli.dask_worker", address, *how, *place)


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_gives_the_same_bytes(tmp_path: Path) -> None:
    file = write_scenario(tmp_path)
    whole = undisturbed(file, tmp_path / "whole", TRIALS)
    out = tmp_path / "run"
    address = f"tcp://127.0.0.1:{free_port()}"
    with (
        scheduler(address),
        worker(address, tmp_path) as one,
        worker(address, tmp_path) as other,
        started("run", file, "--trials", TRIALS, "--cluster", address, "--out", out) as run,
    ):
        wait_until(holds(out, 30), run)
        one.kill()
        ended = end_of(run)
        assert other.poll() is None
    assert ended.code == 0, ended.stderr
    assert "100 blocks simulated, 0 were there, 0 set aside" in ended.stderr
    assert contents(out) == whole
    assert not rejected(out).exists()


@pytest.mark.slow
def test_a_cluster_that_is_lost_is_told_and_the_run_goes_on_without(tmp_path: Path) -> None:
    file = write_scenario(tmp_path)
    out = tmp_path / "run"
    address = f"tcp://127.0.0.1:{free_port()}"
    arguments = ("run", file, "--trials", TRIALS, "--out", out, "--quiet")
    with (
        scheduler(address) as lost,
        worker(address, tmp_path),
        worker(address, tmp_path) as stopped,
    ):
        with distributed.Client(address) as client:
            client.wait_for_workers(2)
        # Its blocks are never done, so that some are left whenever the cluster is lost.
        stopped.send_signal(signal.SIGSTOP)
        with started(*arguments, "--cluster", address) as run:
            wait_until(holds(out, 1), run)
            lost.kill()
            ended = end_of(run)
    assert ended.code == 1
    # Before it, dask logs what it tries.
    last = ended.stderr.splitlines()[-1]
    assert last.startswith(f"simulate: {address}: the dask cluster was lost: ")
    assert ended.stderr.count("the dask cluster was lost") == 1
    assert ended.stdout == ""
    assert in_process(*arguments, "--workers", 1).code == 0
    assert contents(out) == undisturbed(file, tmp_path / "whole", TRIALS)


@pytest.mark.slow
def test_a_cluster_without_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "SECONDS_TO_ANSWER", 5.0)
    address = f"tcp://127.0.0.1:{free_port()}"
    with scheduler(address):
        ended = in_process(
            *("run", write_scenario(tmp_path), "--cluster", address, "--quiet"),
            *("--out", tmp_path / "run"),
        )
    assert_one_clear_message(ended, 1, f"{address}: no dask worker came within 5 seconds")


@pytest.mark.slow
def test_a_local_cluster_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    file = write_scenario(tmp_path)
    whole = undisturbed(file, tmp_path / "whole", 10 * BLOCK)
    out = tmp_path / "run"
    undisturbed(file, out, 4 * BLOCK)
    arguments = ("run", file, "--trials", 10 * BLOCK, "--out", out)
    ended = simulate(*arguments, "--cluster", "local", "--workers", 2)
    assert ended.code == 0, ended.stderr
    assert "6 blocks simulated, 4 were there, 0 set aside" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert contents(out) == whole


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:{port}", "nonsense://here", "no-such-host.invalid:1"]
)
def test_where_no_scheduler_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr(workers, "SECONDS_TO_ANSWER", 0.5)
    address = address.format(port=free_port())
    ended = in_process(
        *("run", write_scenario(tmp_path), "--cluster", address, "--out", tmp_path / "run"),
        "--quiet",
    )
    assert_one_clear_message(ended, 1, f"{address}: no dask scheduler answers there")
    assert ended.stdout == ""


def test_a_folder_that_cannot_be_used_is_refused_before_the_cluster(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_bytes(b"mine")
    ended = in_process(
        *("run", write_scenario(tmp_path), "--cluster", "tcp://127.0.0.1:9", "--quiet"),
        *("--out", tmp_path / "run"),
    )
    assert_one_clear_message(ended, 2, "is not empty and no run folder")
