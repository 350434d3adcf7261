"""The rules for scans, for who reads them, and for the endpoints made of what they show."""

from __future__ import annotations

from collections.abc import Iterator

from simulate.scenario.assessments import TrialAssessments
from simulate.scenario.check_endpoints import known_endpoints
from simulate.scenario.draft import Draft
from simulate.scenario.endpoints import (
    DISEASE_CONTROL,
    DURATION_OF_RESPONSE,
    OS,
    PFS,
    READINGS,
    RESPONSE,
    TIME_TO_RESPONSE,
)
from simulate.scenario.reading import Finding, Path
from simulate.scenario.references import check_name

# Endpoints that observed ones are made of.
NEEDED = {
    DISEASE_CONTROL: (PFS,),
    DURATION_OF_RESPONSE: (RESPONSE, PFS),
    TIME_TO_RESPONSE: (RESPONSE,),
    **{name: (read,) for name, read in READINGS.items()},
}
NAMES = {PFS: "progression-free survival", RESPONSE: "response"}
# What an investigator's table says of each.
SAID_OF = {
    PFS: ("progression_early_probability", "progression_late_probability"),
    RESPONSE: ("response_missed_probability", "response_added_probability"),
}


def check_known(
    path: Path, endpoint: str, observed: tuple[str, ...], draft: Draft
) -> Iterator[Finding]:
    """Check that an endpoint is one of the scenario, or an observed one that it can have.

    Parameters
    ----------
    path : Path
        Where it is named.
    endpoint : str
        Its name.
    observed : tuple of str
        The observed endpoints that may be named there.
    draft : Draft
        The sound pieces of a scenario.

    Yields
    ------
    Finding
        What is wrong.
    """
    known, missing = known_endpoints(draft), _lacking(draft)
    if known is None:
        return
    if endpoint in observed and endpoint in missing:
        rule, remedy = missing[endpoint]
        yield Finding(path, rule, f"'{endpoint}'", remedy)
        return
    possible = [name for name in observed if name not in missing]
    yield from check_name(endpoint, (*known, *possible), "an endpoint", path)


def _lacking(draft: Draft) -> dict[str, tuple[str, str]]:
    """What observed endpoints need and a scenario does not have, with a remedy; by their names."""
    known = known_endpoints(draft) or ()
    tables = _tables(draft).values()
    is_scanned = bool(tables) or _may_be_scanned(draft)
    is_read = any(table.investigator for table in tables) or _may_be_scanned(draft)
    no_scans = "needs scans, and there are none", "add [assessments]"
    there = "[assessments.investigator]" if is_scanned else "[assessments] with an investigator"
    no_reading = "needs an investigator who reads the scans, and there is none", f"add {there}"
    found = {}
    for name, needs in NEEDED.items():
        wrong = [
            (f"needs {NAMES[endpoint]}, which the arms do not have", "add it to every arm")
            for endpoint in needs
            if endpoint not in known
        ]
        wrong += [no_scans] if name == DISEASE_CONTROL and not is_scanned else []
        wrong += [no_reading] if name in READINGS and not is_read else []
        if wrong:
            found[name] = wrong[0]
    return found


def _tables(draft: Draft) -> dict[Path, TrialAssessments]:
    """Every sound table of assessments, by its place."""
    tables: dict[Path, TrialAssessments | None] = {("assessments",): draft.assessments}
    for name, arm in (draft.arms or {}).items():
        tables["arms", name, "assessments"] = None if arm is None else arm.assessments
    return {path: table for path, table in tables.items() if table is not None}


def _may_be_scanned(draft: Draft) -> bool:
    """Whether there is a table of assessments for all arms that is broken."""
    return draft.assessments is None and "assessments" in draft.given


def check_assessments(draft: Draft) -> Iterator[Finding]:
    """Check that all arms are scanned, that scans show something, and who reads them.

    Parameters
    ----------
    draft : Draft
        The sound pieces of a scenario.

    Yields
    ------
    Finding
        What is wrong.
    """
    tables, known = _tables(draft), known_endpoints(draft)
    arms = {name: arm for name, arm in (draft.arms or {}).items() if arm is not None}
    own = [name for name, arm in arms.items() if arm.assessments is not None]
    if "assessments" not in draft.given and own and len(own) < len(arms):
        others = ", ".join(name for name in arms if name not in own)
        rule = f"must be given for all arms, and {others} has none"
        remedy = "add [assessments], which holds for all arms without their own"
        yield Finding(("arms", own[0], "assessments"), rule, "", remedy)
    if known is not None and tables and PFS not in known:
        if OS in known or RESPONSE not in known:
            rule = "needs progression-free survival, which scans show, in the arms"
            yield Finding(next(iter(tables)), rule, "", "add it, or remove the scans")
            return
        rule = "must be left out: it is about progression-free survival, which is not there"
        for at, table in tables.items():
            if table.censor_at == "last_scan":
                yield Finding((*at, "censor_at"), rule)
    yield from _check_investigator(draft)


def _check_investigator(draft: Draft) -> Iterator[Finding]:
    """Check that all arms have an investigator, and of what there is a reading."""
    tables, known = _tables(draft), known_endpoints(draft)
    readers = {path: table.investigator for path, table in tables.items() if table.investigator}
    without = [path for path in tables if path not in readers]
    if readers and without:
        rule = "must have a table 'investigator', as the scans of other arms have"
        remedy = f"add [{'.'.join(map(str, without[0]))}.investigator]"
        yield Finding(without[0], rule, "", remedy)
    if known is None:
        return
    for endpoint, keys in SAID_OF.items():
        for path, table in readers.items() if endpoint not in known else ():
            for key in keys:
                if getattr(table, key) > 0.0:
                    rule = f"must be 0 or left out: the arms have no {NAMES[endpoint]}"
                    yield Finding((*path, "investigator", key), rule)
