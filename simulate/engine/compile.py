"""How kernels are compiled and where the compiled code is kept.

Numba checks only the file of the kernel itself for changes, not the files of the kernels it calls.
So the cache folder is named by a hash of all kernel sources, where they are, numba's version and
the processor: a change in any of them starts an empty folder.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import llvmlite.binding
import numba
from numba import config

F = TypeVar("F", bound=Callable[..., Any])

CACHE_VARIABLE = "SIMULATE_CACHE_DIR"
PRUNE_AFTER_DAYS = 30.0


def _user_cache() -> Path:
    """Folder for this user's caches, by the conventions of the platform."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "simulate-trials"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "simulate-trials" / "Cache"
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "simulate-trials"


def _fingerprint() -> str:
    """Hash of everything that compiled kernels depend on."""
    digest = hashlib.sha256()
    # Numba keeps the code of every installation apart, too.
    digest.update(str(Path(__file__).resolve().parent).encode() + b"\0")
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    settings: Any = config
    processor = (
        settings.CPU_NAME or llvmlite.binding.get_host_cpu_name(),
        settings.CPU_FEATURES,
        settings.ENABLE_AVX,
    )
    digest.update(repr((numba.__version__, processor, sys.version_info[:2])).encode())
    return digest.hexdigest()[:16]


def _prepare(folder: Path) -> Path | None:
    """Make the cache folder and mark it as used; None, with a warning, if that cannot be done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "last_used").touch()
    except OSError as error:
        warnings.warn(
            f"cannot write the cache of compiled kernels in {folder} ({error.strerror}): every "
            f"process compiles anew; set {CACHE_VARIABLE} to a folder that can be written",
            RuntimeWarning,
            stacklevel=2,
        )
        return None
    return folder


CACHE_FOLDER = _prepare(_user_cache() / "kernels" / _fingerprint())


def kernel(function: F) -> F:
    """Compile ``function`` as a kernel: no Python objects, no global lock, NumPy's division.

    Division by zero follows IEEE 754 instead of raising, which lets loops vectorise. ``fastmath``
    stays off: it would let the same source give other bits on another processor.
    """
    return _compile(function, inline="never")


def inlined_kernel(function: F) -> F:
    """Compile like `kernel`, and copy the body into its callers before LLVM sees them.

    For a long straight-line body that LLVM's own cost model would leave as a call, which keeps the
    caller's loop from vectorising.
    """
    return _compile(function, inline="always")


def _compile(function: F, inline: str) -> F:
    """Compile with the cache in our folder; other users of numba in the process keep theirs."""
    options: dict[str, Any] = {
        "nogil": True,
        "error_model": "numpy",
        "inline": inline,
        "cache": CACHE_FOLDER is not None,
        # No counting of references to arrays, which took a third of the time; and no kernel can
        # allocate.
        "_nrt": False,
    }
    # Numba sets the attributes of `config` from the environment, unknown to type checkers.
    settings: Any = config
    previous = settings.CACHE_DIR
    settings.CACHE_DIR = str(CACHE_FOLDER or "")
    try:
        compiled = numba.njit(**options)(function)
    finally:
        settings.CACHE_DIR = previous
    return cast(F, compiled)


def in_python(function: F) -> F:
    """Return the plain Python function behind a kernel: the same bits, without compiling."""
    return cast(F, getattr(function, "py_func", function))


def has_compiled_code() -> bool:
    """Whether the cache folder holds compiled kernels, so that a start is quick."""
    return CACHE_FOLDER is not None and any(CACHE_FOLDER.rglob("*.nbc"))


def prune_cache() -> int:
    """Delete the folders of other versions that nobody used for a month; return how many."""
    if CACHE_FOLDER is None:
        return 0
    stale = [
        folder
        for folder in CACHE_FOLDER.parent.iterdir()
        if folder != CACHE_FOLDER and folder.is_dir() and _days_unused(folder) > PRUNE_AFTER_DAYS
    ]
    for folder in stale:
        shutil.rmtree(folder, ignore_errors=True)
    return len(stale)


def _days_unused(folder: Path) -> float:
    """Days since a cache folder was last used; 0 if another process removes it meanwhile."""
    try:
        return (time.time() - (folder / "last_used").stat().st_mtime) / 86_400.0
    except OSError:
        return 0.0
