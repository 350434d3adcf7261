"""Monte Carlo simulation of confirmatory clinical trials.

What is public is listed in ``__all__`` and loaded when it is first used, so that importing the
package, and ``simulate --help``, take no time.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulate.api import load_scenario, run, scenario_from_dict
    from simulate.errors import Problem, ScenarioError, SimulateError
    from simulate.results.result import Result
    from simulate.scenario.models import Scenario

__version__ = "0.1.0"

_HOMES = {
    "Problem": "simulate.errors",
    "Result": "simulate.results.result",
    "Scenario": "simulate.scenario.models",
    "ScenarioError": "simulate.errors",
    "SimulateError": "simulate.errors",
    "load_scenario": "simulate.api",
    "run": "simulate.api",
    "scenario_from_dict": "simulate.api",
}

__all__ = [
    "Problem",
    "Result",
    "Scenario",
    "ScenarioError",
    "SimulateError",
    "load_scenario",
    "run",
    "scenario_from_dict",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'simulate' has no attribute '{name}'")


def __dir__() -> list[str]:
    """List the public names."""
    return sorted([*__all__, "__version__"])
