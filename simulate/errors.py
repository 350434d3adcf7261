"""The errors a user can meet; every one ends in a clear message, never in a traceback."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class SimulateError(Exception):
    """Base of every error that this package raises on purpose."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a scenario.

    Attributes
    ----------
    path : str
        Dotted path in the scenario, ``hypotheses.pfs.alpha``; empty for the whole file.
    rule : str
        What must hold.
    given : str
        What was found, as the user wrote it; empty when nothing was given.
    remedy : str
        What to do about it; empty when the rule says it already.
    where : str
        ``file:line`` of the value, or the command-line option that set it.
    """

    path: str
    rule: str
    given: str = ""
    remedy: str = ""
    where: str = ""

    def __str__(self) -> str:
        """One line: where, path, rule, what was given, remedy."""
        head = ": ".join(part for part in (self.where, self.path, self.rule) if part)
        given = f" (given: {self.given})" if self.given else ""
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{head}{given}{remedy}"


class ScenarioError(SimulateError):
    """A scenario that cannot be used, with everything that is wrong with it.

    Attributes
    ----------
    problems : tuple of Problem
        All the problems found, in the order of the file.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class StoreError(SimulateError):
    """A run folder that cannot be read or written, or whose files are not what they should be."""


class RefusedError(StoreError):
    """A run folder that holds something else than what was asked for; nothing was done."""


class CalibrationError(SimulateError):
    """Published figures to which a model cannot be fitted.

    Attributes
    ----------
    worst : str
        Name of the figure, or the part of it, that fits worst.
    """

    def __init__(self, message: str, *, worst: str = "") -> None:
        self.worst = worst
        super().__init__(message)


class DesignError(SimulateError, ValueError):
    """Assumptions from which a design cannot be computed.

    Attributes
    ----------
    problem : Problem
        What is wrong; its path is the name of the function's parameter.
    """

    def __init__(self, parameter: str, rule: str, given: object = "", remedy: str = "") -> None:
        self.problem = Problem(parameter, rule, str(given), remedy)
        super().__init__(str(self.problem))
