"""Work for worker processes that never ends, ends half-way, or tells what reaches them."""

from __future__ import annotations

import os
import signal
import struct
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from simulate.runner.execute import Block, Progress


@dataclass(frozen=True)
class Sleeper:
    """Leaves a file named by its process; the first block is done, the others sleep."""

    folder: Path

    def prepare(self) -> None:
        """Do nothing."""

    def alone(self, block: Block) -> Sleeper:
        """The same."""
        return self

    def __call__(self, block: Block, progress: Progress | None = None) -> None:
        """Work on a block, when both processes are there."""
        (self.folder / str(os.getpid())).touch()
        while len(list(self.folder.iterdir())) < 2:
            time.sleep(0.05)
        if block.start > 0:
            time.sleep(600.0)


@dataclass(frozen=True)
class HalfSender:
    """The first process to work writes a part of its result and is killed; later ones do not."""

    folder: Path

    def prepare(self) -> None:
        """Do nothing."""

    def alone(self, block: Block) -> HalfSender:
        """The same."""
        return self

    def __call__(self, block: Block, progress: Progress | None = None) -> int:
        """Work on a block."""
        try:
            (self.folder / "killed").touch(exist_ok=False)
        except FileExistsError:
            return block.start
        frame = sys._getframe()
        while frame.f_back is not None and "result_queue" not in frame.f_locals:
            frame = frame.f_back
        queue = frame.f_locals["result_queue"]
        # As a connection writes a message: its length, and then not all of it.
        with queue._wlock:
            os.write(queue._writer.fileno(), struct.pack("!i", 1_000_000) + bytes(1000))
            os.kill(os.getpid(), signal.SIGKILL)
        return -1


@dataclass(frozen=True)
class Listener:
    """Tells which process works, and which signals do not reach it."""

    def prepare(self) -> None:
        """Do nothing."""

    def alone(self, block: Block) -> Listener:
        """The same."""
        return self

    def __call__(self, block: Block, progress: Progress | None = None) -> tuple[int, set[int]]:
        """Work on a block."""
        return os.getpid(), signal.pthread_sigmask(signal.SIG_BLOCK, ())
