"""Files that are there in whole or not at all, whatever happens and whoever else writes."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TEMPORARY_PREFIX = ".writing-"
ATTEMPTS = 5
# Where a file system knows no locks, only age tells what was left behind.
STALE_SECONDS = 3600.0


def write_whole(path: Path, data: bytes) -> None:
    """Write a file under a temporary name, make it durable, and rename it.

    Raises
    ------
    OSError
        If that is not possible; the temporary file is removed then.
    """
    for attempt in range(ATTEMPTS):
        temporary = path.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{secrets.token_hex(8)}")
        try:
            with temporary.open("xb") as file:
                _try_lock(file.fileno())
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
                temporary.replace(path)
        except FileNotFoundError:
            # Another run took the file for one left behind, before it was locked.
            if attempt == ATTEMPTS - 1 or not path.parent.is_dir():
                raise
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        else:
            _sync_folder(path.parent)
            return


def remove_temporaries(folder: Path) -> None:
    """Remove the temporary files that killed processes left; those in use are locked and stay."""
    for file in folder.glob(f"{TEMPORARY_PREFIX}*"):
        with contextlib.suppress(OSError):
            _remove_if_left_behind(file)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Wait until no other process has the folder locked, and lock it; without locks, go on."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remove_if_left_behind(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        locked = _try_lock(descriptor)
        if locked is None:
            locked = time.time() - file.stat().st_mtime > STALE_SECONDS
        if locked:
            file.unlink()
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool | None:
    """Lock a file until it is closed; False if another process has; None if locks do not exist."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _sync_folder(folder: Path) -> None:
    """Make a new name in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot; the file itself is durable.
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(descriptor)


def size_in_words(n_bytes: float) -> str:
    """A size in the unit that suits it."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.3g} TB"
