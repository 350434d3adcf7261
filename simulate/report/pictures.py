"""What all pictures have in common: the files they can be, their style, how they are written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from simulate.errors import Problem, ScenarioError, SimulateError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# With the dates that they would hold.
DATES: dict[str, dict[str, None]] = {
    ".png": {},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}
DOTS_PER_INCH = 150


def check_path(path: str, option: str = "--figure") -> None:
    """Refuse a file that could not be drawn, before anything is simulated.

    Raises
    ------
    ScenarioError
        If the suffix is not .png, .svg or .pdf or the folder does not exist.
    """
    file = Path(path)
    if file.suffix.lower() not in DATES:
        raise ScenarioError([Problem("", "must end in .png, .svg or .pdf", path, where=option)])
    if not file.parent.is_dir():
        raise ScenarioError([Problem("", "must be in a folder that exists", path, where=option)])


@contextmanager
def picture(path: str, width: float, height: float) -> Iterator[Figure]:
    """Give an empty figure to draw into, and write it as PNG, SVG or PDF by the suffix.

    Parameters
    ----------
    path : str
        The file.
    width, height : float
        In inches.

    Raises
    ------
    SimulateError
        If the file cannot be written.
    """
    # Without pyplot: no display, no state, and a quicker start.
    from matplotlib import rc_context  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    # A fixed salt: equal results give equal files. Users' words are no formulas.
    with rc_context({"svg.hashsalt": "simulate", "font.size": 9, "text.parse_math": False}):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        metadata = DATES[Path(path).suffix.lower()]
        try:
            figure.savefig(path, dpi=DOTS_PER_INCH, metadata=metadata)
        except OSError as error:
            raise SimulateError(f"cannot write {path}: {error.strerror}") from None
