"""Work for worker processes that never ends once it has begun: to see who ends them."""

from __future__ import annotations

import os
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
