"""The rules for plug-ins: that each is a sound trial with a single truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from simulate.scenario.draft import Draft
from simulate.scenario.endpoints import TIMES
from simulate.scenario.models import Arm, with_plug_in
from simulate.scenario.plug_in import PlugIn
from simulate.scenario.reading import Finding, Path, path_text
from simulate.scenario.references import check_name
from simulate.scenario.uncertainty import uncertainty_of


def check_plug_ins(draft: Draft, check: Callable[[Draft], Iterator[Finding]]) -> Iterator[Finding]:
    """Check every plug-in of a scenario that is sound but for them.

    Parameters
    ----------
    draft : Draft
        The sound pieces of the scenario.
    check : callable
        What checks a draft without plug-ins.

    Yields
    ------
    Finding
        What is wrong.
    """
    arms = {name: arm for name, arm in (draft.arms or {}).items() if arm is not None}
    if draft.arms is None or len(arms) < len(draft.arms):
        return
    for name, plug_in in (draft.plug_in or {}).items():
        if plug_in is None:
            continue
        path: Path = ("plug_in", name)
        wrong = list(_check_single(path, plug_in, arms))
        yield from wrong
        if wrong:
            continue
        simulation = draft.simulation
        if simulation is not None:
            simulation = simulation.model_copy(update={"members": None})
        plugged = with_plug_in(arms, plug_in)
        found = check(replace(draft, arms=dict(plugged), plug_in={}, simulation=simulation))
        for finding in found:
            yield _placed(finding, path, plug_in)


def _check_single(path: Path, plug_in: PlugIn, arms: dict[str, Arm]) -> Iterator[Finding]:
    """Check that nothing uncertain is left, and that arms have something instead."""
    for name, arm in plug_in.arms.items():
        at = (*path, "arms", name)
        yield from check_name(name, arms, "an arm", at)
        if all(table is None for table in (arm.pfs, arm.os, arm.response, arm.states)):
            yield Finding(at, "must have an endpoint or states", "", "write its pfs, say")
        if arm.states is not None and (arm.states.ensemble or arm.states.members):
            key = "ensemble" if arm.states.ensemble else "members"
            yield Finding((*at, "states", key), "must be left out: a plug-in is a single truth", "")
        for endpoint in TIMES:
            if uncertainty_of(arm, endpoint) is not None:
                rule = "must be left out: a plug-in is a single truth"
                yield Finding((*at, endpoint, "uncertainty"), rule, "")
    for name, given in arms.items():
        if given.states is not None and given.states.members and name not in plug_in.arms:
            rule = f"must have a table for the arm {name}, which has an ensemble"
            yield Finding((*path, "arms"), rule, "", "a plug-in is a single truth")


def _placed(finding: Finding, path: Path, plug_in: PlugIn) -> Finding:
    """A finding about the scenario with the plug-in, where the plug-in can be blamed for it."""
    if finding.path[:1] == ("arms",) and finding.path[1:2] and finding.path[1] in plug_in.arms:
        return finding._replace(path=(*path, *finding.path), anchors=())
    rule = f"must leave a sound scenario: {path_text(finding.path)}: {finding.rule}"
    return Finding(path, rule, finding.given or "", finding.remedy)
