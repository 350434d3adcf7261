"""A calibration in words and tables, and as plain data."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from simulate.calibration.calibrate import SHOWN_REPLICATES, Calibration
from simulate.calibration.posterior import LATENT, PosteriorRow
from simulate.calibration.predictive import PredictiveRow
from simulate.calibration.recovery import Recovery
from simulate.report.tables import Column, print_columns, say
from simulate.report.wording import number, status_text

if TYPE_CHECKING:
    from rich.console import Console

    from simulate.calibration.sampler import Posterior

NOT_REACHED = "not reached"
# Beyond this share of an interval's width, two seeds do not agree.
MOST_APART = 0.1
FEWEST_EFFECTIVE = 400.0


def print_calibration(calibration: Calibration, console: Console) -> None:
    """Print what was fitted, how well, and what it says about patients."""
    evidence = calibration.evidence
    say(console, evidence.title, "bold")
    say(console, evidence.citation)
    say(console, f"{evidence.trial.patients} patients of {evidence.trial.arm}; {_how(calibration)}")
    say(console)
    _print_predictive(calibration, console)
    say(console)
    _print_posterior(calibration, console)
    say(console)
    _print_quality(calibration, console)
    for warning in warnings_of(calibration):
        say(console, f"Warning: {warning}", "bold red")


def _how(calibration: Calibration) -> str:
    """Follow-up and scans."""
    low, high = calibration.evidence.follow_up.range_months
    assessments = calibration.evidence.assessments
    text = f"followed for {number(low)} to {number(high)} months"
    if assessments is not None:
        text += f"; scans{status_text(assessments.status)}"
    return text


def _print_predictive(calibration: Calibration, console: Console) -> None:
    """Print published figures beside those of replicates."""
    say(
        console,
        f"Published figures, and {SHOWN_REPLICATES:,} replicates of the trial under the fitted "
        "model",
        "bold",
    )
    rows = calibration.predictive
    print_columns(
        console,
        [f"{row.what}{'' if row.is_fitted else ' (not fitted)'}" for row in rows],
        [
            Column("published", [_value(row.published) for row in rows]),
            Column("replicates", [_value(row.median) for row in rows]),
            Column("95% interval", [interval_text(row.lower, row.upper) for row in rows]),
            Column("below", [_share(row.below) for row in rows]),
            Column("", ["" if row.inside else "outside" for row in rows]),
        ],
    )
    say(
        console,
        "as scans show it; below: share of the replicates below the published figure, half of "
        "equal ones",
    )
    for row in rows:
        if row.missing > 0.0005:
            say(console, f"{row.what}: does not exist in {row.missing:.1%} of the replicates")


def _print_posterior(calibration: Calibration, console: Console) -> None:
    """Print what the two fits say about patients and parameters."""
    second = calibration.fits[1]
    say(console, "Patients under the fitted model: true times, not those that scans show", "bold")
    pairs = list(zip(calibration.posterior, calibration.repeated, strict=True))
    for scale in (LATENT, "parameter"):
        chosen = [(a, b) for a, b in pairs if a.scale == scale]
        if scale == "parameter":
            say(console)
            say(console, "Parameters: cumulative hazards at 12 months, Weibull shapes", "bold")
        print_columns(
            console,
            [quantity_text(a.quantity) for a, _ in chosen],
            [
                Column("median", [_value(a.median) for a, _ in chosen]),
                Column("95% interval", [interval_text(a.lower, a.upper) for a, _ in chosen]),
                Column(
                    f"again, seed {second.seed}",
                    [f"{_value(b.median)} ({interval_text(b.lower, b.upper)})" for _, b in chosen],
                ),
                Column("", ["extrapolated" if a.extrapolated else "" for a, _ in chosen]),
            ],
        )
    last = calibration.evidence.follow_up.range_months[1]
    say(console, f"extrapolated: after the longest follow-up, {number(last)} months")


def _print_quality(calibration: Calibration, console: Console) -> None:
    """Print what the draws are worth."""
    for fit in calibration.fits:
        say(console, quality_text(fit))
    apart = most_apart(calibration)
    say(console, f"the two differ by at most {apart[1]:.1%} of an interval's width ({apart[0]})")
    say(console, "what such intervals cover in simulated data sets: --coverage N")


def print_recovery(recovery: Recovery, console: Console) -> None:
    """Print what intervals cover of the truths behind simulated data sets."""
    fitted = recovery.n_data_sets - recovery.n_refused
    say(console)
    say(
        console,
        f"What intervals cover: {fitted:,} data sets simulated from the ensemble and fitted again"
        + (f", {recovery.n_refused:,} more refused" if recovery.n_refused else ""),
        "bold",
    )
    levels = list(dict.fromkeys(c.level for c in recovery.coverages))
    quantities = list(dict.fromkeys(c.quantity for c in recovery.coverages))
    found = {(c.quantity, c.level): c for c in recovery.coverages}
    columns = [
        Column(
            f"{level:.0%} intervals",
            [f"{found[q, level].share:.0%} ({found[q, level].mcse:.0%})" for q in quantities],
        )
        for level in levels
    ]
    print_columns(console, ["all" if q == "all" else quantity_text(q) for q in quantities], columns)
    for warning in recovery.warnings():
        say(console, f"Warning: {warning}", "bold red")


def recovery_json(recovery: Recovery) -> dict[str, Any]:
    """A recovery as plain data."""
    return {
        "data_sets": recovery.n_data_sets,
        "refused": recovery.n_refused,
        "coverage": [
            {
                "quantity": c.quantity,
                "level": c.level,
                "share": _plain(c.share),
                "mcse": _plain(c.mcse),
                "intervals": c.n,
            }
            for c in recovery.coverages
        ],
        "warnings": recovery.warnings(),
    }


def quality_text(fit: Posterior) -> str:
    """What the draws of a fit are worth."""
    quality = fit.quality
    return (
        f"seed {fit.seed}: {quality.n_draws:,} draws worth {quality.effective_size:,.0f}, the "
        f"largest weight {quality.largest_weight:.2%}, log evidence {quality.log_evidence:.1f}"
    )


def warnings_of(calibration: Calibration) -> Iterator[str]:
    """What a user should doubt."""
    for row in calibration.predictive:
        if not row.inside:
            yield f"{row.what}: the published value is outside the replicates' 95% interval"
    for fit in calibration.fits:
        if fit.quality.effective_size < FEWEST_EFFECTIVE:
            yield (
                f"seed {fit.seed}: an effective size of {fit.quality.effective_size:.0f} is small; "
                "more draws in [calibration] help"
            )
    what, apart = most_apart(calibration)
    if apart > MOST_APART:
        yield f"two seeds differ by {apart:.0%} of the interval's width in {what}"


def most_apart(calibration: Calibration) -> tuple[str, float]:
    """Quantity in which the medians of the two fits differ most, in widths of its interval."""
    found = []
    for a, b in zip(calibration.posterior, calibration.repeated, strict=True):
        width = a.upper - a.lower
        if math.isfinite(width) and width > 0.0 and math.isfinite(b.median):
            found.append((abs(a.median - b.median) / width, quantity_text(a.quantity)))
    apart, what = max(found)
    return what, apart


def quantity_text(quantity: str) -> str:
    """A row of the posterior in words."""
    if "." in quantity:
        transition, parameter = quantity.split(".")
        label = "shape" if parameter == "shape" else "hazard by month 12"
        return f"{transition.replace('_', ' ')}, {label}"
    if quantity.startswith("median_"):
        return f"median {quantity.removeprefix('median_').upper()}, months"
    name, month = quantity.rsplit("_", 1)
    label = "responded" if name == "response" else name.upper()
    return f"{label} by month {month}" if name == "response" else f"{label} at month {month}"


def _value(value: float) -> str:
    if math.isnan(value):
        return "-"
    return NOT_REACHED if math.isinf(value) else number(value, 3)


def interval_text(lower: float, upper: float) -> str:
    """An interval, its limits possibly not reached."""
    return "-" if math.isnan(lower) else f"{_value(lower)} to {_value(upper)}"


def _share(share: float) -> str:
    return "-" if math.isnan(share) else f"{share:.0%}"


def calibration_json(calibration: Calibration) -> dict[str, Any]:
    """A calibration as plain data."""
    return {
        "title": calibration.evidence.title,
        "citation": calibration.evidence.citation,
        "provenance": dict(calibration.ensemble.provenance),
        "predictive": [_predictive_json(row) for row in calibration.predictive],
        "posterior": [_posterior_json(row) for row in calibration.posterior],
        "posterior_repeated": [_posterior_json(row) for row in calibration.repeated],
        "fits": [_fit_json(fit) for fit in calibration.fits],
        "warnings": list(warnings_of(calibration)),
    }


def _predictive_json(row: PredictiveRow) -> dict[str, Any]:
    return {
        "figure": row.figure,
        "what": row.what,
        "published": _plain(row.published),
        "median": _plain(row.median),
        "lower": _plain(row.lower),
        "upper": _plain(row.upper),
        "inside": row.inside,
        "below": _plain(row.below),
        "fitted": row.is_fitted,
        "missing": row.missing,
    }


def _posterior_json(row: PosteriorRow) -> dict[str, Any]:
    return {
        "quantity": row.quantity,
        "scale": row.scale,
        "median": _plain(row.median),
        "lower": _plain(row.lower),
        "upper": _plain(row.upper),
        "extrapolated": row.extrapolated,
    }


def _fit_json(fit: Posterior) -> dict[str, Any]:
    quality = fit.quality
    return {
        "seed": fit.seed,
        "draws": quality.n_draws,
        "effective_size": quality.effective_size,
        "largest_weight": quality.largest_weight,
        "log_evidence": quality.log_evidence,
        "features": [
            {
                "feature": found.name,
                "kind": found.kind,
                "target": found.target,
                "median": _plain(found.median),
                "lower": _plain(found.lower),
                "upper": _plain(found.upper),
                "discrepancy": _plain(found.discrepancy),
            }
            for found in fit.fits
        ],
    }


def _plain(value: float) -> float | str | None:
    """A number; "not_reached" for an infinite one, null for one that does not exist."""
    if math.isnan(value):
        return None
    return "not_reached" if math.isinf(value) else value
