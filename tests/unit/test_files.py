"""Files that are there in whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from simulate.runner import files
from simulate.runner.files import (
    ATTEMPTS,
    STALE_SECONDS,
    TEMPORARY_PREFIX,
    locked,
    remove_temporaries,
    write_whole,
)

ROOT = Path(__file__).parents[2]
# Writes a file, and stops where it would be made durable.
STOPS_WHILE_WRITING = """
import os, sys, time
from pathlib import Path
from simulate.runner.files import write_whole
def stop(descriptor):
    print("writing", flush=True)
    time.sleep(600)
os.fsync = stop
write_whole(Path(sys.argv[1]), b"half")
"""


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def temporaries(folder: Path) -> list[Path]:
    return list(folder.glob(f"{TEMPORARY_PREFIX}*"))


def test_writes_and_replaces(tmp_path: Path) -> None:
    file = tmp_path / "file"
    for data in (b"", b"one", bytes(1_000_000), b"two"):
        write_whole(file, data)
        assert file.read_bytes() == data
        assert names(tmp_path) == ["file"]


def test_content_is_durable_before_the_name_and_the_name_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    seen: list[tuple[bytes | None, bool]] = []
    fsync = os.fsync

    def watching(descriptor: int) -> None:
        temporary = temporaries(tmp_path)
        seen.append((temporary[0].read_bytes() if temporary else None, file.exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watching)
    write_whole(file, b"all of it")
    assert seen == [(b"all of it", False), (None, True)]


def fail_with(error: BaseException) -> Callable[[int], None]:
    def failing(descriptor: int) -> None:
        raise error

    return failing


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt(), MemoryError()]
)
def test_nothing_is_left_of_a_failed_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    file = tmp_path / "file"
    write_whole(file, b"before")
    monkeypatch.setattr(os, "fsync", fail_with(error))
    with pytest.raises(type(error)):
        write_whole(file, b"after")
    assert names(tmp_path) == ["file"]
    assert file.read_bytes() == b"before"


@pytest.mark.parametrize("times", [1, ATTEMPTS - 1, ATTEMPTS])
def test_a_temporary_taken_away_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    taken: list[Path] = []

    def take(descriptor: int) -> None:
        if len(taken) < times and temporaries(tmp_path):
            taken.extend(temporaries(tmp_path))
            taken[-1].unlink()

    monkeypatch.setattr(os, "fsync", take)
    if times == ATTEMPTS:
        with pytest.raises(FileNotFoundError):
            write_whole(tmp_path / "file", b"data")
        assert names(tmp_path) == []
    else:
        write_whole(tmp_path / "file", b"data")
        assert (tmp_path / "file").read_bytes() == b"data"
        assert names(tmp_path) == ["file"]
    assert len(taken) == len(set(taken)) == times


def test_a_folder_that_vanished_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    calls: list[int] = []

    def vanish(descriptor: int) -> None:
        calls.append(descriptor)
        folder.rename(tmp_path / "elsewhere")

    monkeypatch.setattr(os, "fsync", vanish)
    with pytest.raises(FileNotFoundError):
        write_whole(folder / "file", b"data")
    assert len(calls) == 1


def test_temporaries_of_the_living_stay_and_those_of_the_dead_go(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STOPS_WHILE_WRITING, str(tmp_path / "file")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "writing\n"
            remove_temporaries(tmp_path)
            assert [file.read_bytes() for file in temporaries(tmp_path)] == [b"half"]
        finally:
            process.send_signal(signal.SIGKILL)
    assert names(tmp_path) != []
    remove_temporaries(tmp_path)
    assert names(tmp_path) == []


def test_only_temporaries_are_removed(tmp_path: Path) -> None:
    for name in ("notes", ".hidden", f"{TEMPORARY_PREFIX}1-2", f"a{TEMPORARY_PREFIX}"):
        (tmp_path / name).write_bytes(b"")
    remove_temporaries(tmp_path)
    assert names(tmp_path) == [".hidden", "a.writing-", "notes"]
    remove_temporaries(tmp_path / "no such folder")


def test_without_locks_age_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOTSUP, "no locks here")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    for name, age in (("old", STALE_SECONDS + 60), ("young", STALE_SECONDS - 60)):
        file = tmp_path / f"{TEMPORARY_PREFIX}{name}"
        file.write_bytes(b"")
        os.utime(file, (time.time() - age,) * 2)
    remove_temporaries(tmp_path)
    assert names(tmp_path) == [f"{TEMPORARY_PREFIX}young"]
    write_whole(tmp_path / "file", b"data")
    with locked(tmp_path):
        assert (tmp_path / "file").read_bytes() == b"data"


def test_a_locked_folder_is_locked_until_the_end(tmp_path: Path) -> None:
    def try_lock() -> bool | None:
        descriptor = os.open(tmp_path, os.O_RDONLY)
        try:
            return files._try_lock(descriptor)
        finally:
            os.close(descriptor)

    with pytest.raises(ValueError, match="inside"), locked(tmp_path):
        assert try_lock() is False
        raise ValueError("inside")
    assert try_lock() is True
