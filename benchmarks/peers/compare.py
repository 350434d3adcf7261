"""Run W1 and W2 in other packages and here, in turn: the same answers, and how fast.

Usage: python -m benchmarks.peers.compare [--trials N] [--rounds N]

Each R script calls a package's public functions. Both sides' rejection probabilities, overall and
by look, must agree within four combined Monte Carlo standard errors; if not, it exits with 1.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import simulate
from benchmarks.bench import cost

HERE = Path(__file__).parent
WORKLOADS = ("w1", "w2")
OUR_TRIALS = 100_000
MOST_STANDARD_ERRORS = 4.0


class Peer(NamedTuple):
    """An R package, how patients arrive in it, trials a round by default, and how to get it."""

    name: str
    arrivals: str
    trials: int
    remedy: str


PEERS = (
    Peer("rpact", "evenly_spaced", 20_000, "Debian: apt install r-cran-rpact"),
    Peer("lrstat", "poisson", 20_000, 'in R: install.packages("lrstat")'),
    Peer("simtrial", "poisson", 200, 'in R: install.packages("simtrial")'),
)


class Answer(NamedTuple):
    """What one side says of a workload, and the CPU seconds that it took."""

    version: str
    n_trials: int
    cpu_seconds: float
    rejection: float
    first_rejections: tuple[float, ...]
    expected_events: float | None

    @property
    def trials_per_second(self) -> float:
        """Trials a second of CPU time."""
        return self.n_trials / self.cpu_seconds


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare with every package that is installed; 1 if any of the answers disagree."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--trials", type=int, help="trials a round of each peer")
    parser.add_argument("--rounds", type=int, default=3, help="rounds taken in turn")
    chosen = parser.parse_args(arguments)
    agree = True
    for peer in PEERS:
        if lacking := what_is_missing(peer):
            print(lacking)
            continue
        for workload in WORKLOADS:
            trials = chosen.trials or peer.trials
            theirs, ours = take_turns(peer, workload, trials, OUR_TRIALS, chosen.rounds)
            print(report(peer, workload, theirs, ours))
            wrong = disagreements(pooled(theirs), pooled(ours))
            agree = agree and not wrong
            print("\n".join(wrong) if wrong else "the rejection probabilities agree", end="\n\n")
    return 0 if agree else 1


def what_is_missing(peer: Peer) -> str:
    """Return a line that says what is not installed and how to get it; empty if nothing is."""
    if not shutil.which("Rscript"):
        return f"{peer.name}: not compared, there is no R (Rscript) here; {peer.remedy}"
    test = f'quit(status = !requireNamespace("{peer.name}", quietly = TRUE))'
    if subprocess.run(["Rscript", "-e", test], check=False, capture_output=True).returncode:
        return f"{peer.name}: not compared, the R package is not installed here; {peer.remedy}"
    return ""


def take_turns(
    peer: Peer, workload: str, trials: int, our_trials: int, rounds: int
) -> tuple[list[Answer], list[Answer]]:
    """Answers of the peer and of ours, one a round, each round with another seed."""
    run_ours(peer, workload, 1, 0)
    theirs, ours = [], []
    for seed in range(1, rounds + 1):
        theirs.append(run_peer(peer, workload, trials, seed))
        ours.append(run_ours(peer, workload, our_trials, seed))
    return theirs, ours


def run_peer(peer: Peer, workload: str, trials: int, seed: int) -> Answer:
    """Run the peer's R script.

    Raises
    ------
    SystemExit
        If the script fails, with what it said.
    """
    command = ["Rscript", f"{peer.name}.R", workload, str(trials), str(seed)]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return parse_answer(done.stdout, peer.name, workload)


def parse_answer(text: str, package: str, workload: str) -> Answer:
    """Read the last line that an R script printed.

    Raises
    ------
    ValueError
        If it is no answer of this package to this workload.
    """
    lines = text.strip().splitlines()
    found = json.loads(lines[-1] if lines else "")
    if (found.get("package"), found.get("workload")) != (package, workload):
        raise ValueError(f"not an answer of {package} to {workload}: {lines[-1]}")
    return Answer(
        version=str(found["version"]),
        n_trials=int(found["n_trials"]),
        cpu_seconds=float(found["cpu_seconds"]),
        rejection=float(found["rejection"]),
        first_rejections=tuple(float(p) for p in found["first_rejections"]),
        expected_events=found["expected_events"],
    )


def run_ours(peer: Peer, workload: str, trials: int, seed: int) -> Answer:
    """Run the workload here, on one core, with patients arriving as they do in the peer."""
    file = HERE.parent / f"{workload}.toml"
    scenario = simulate.load_scenario(file, [f'accrual.arrivals="{peer.arrivals}"'])
    results: list[simulate.Result] = []
    seconds = cost(
        lambda: results.append(simulate.run(scenario, trials=trials, seed=seed, workers=1))
    )
    result = results[0]
    first = [result.estimate("first_rejection_probability", "pfs", a) for a in scenario.analyses]
    return Answer(
        version=simulate.__version__,
        n_trials=trials,
        cpu_seconds=seconds,
        rejection=result.power().value,
        first_rejections=tuple(estimate.value for estimate in first),
        expected_events=result.estimate("events_mean", "pfs").value,
    )


def pooled(answers: Sequence[Answer]) -> Answer:
    """One answer over the trials of several rounds."""
    weights = [answer.n_trials for answer in answers]
    total = sum(weights)

    def mean(values: Sequence[float]) -> float:
        return sum(n * value for n, value in zip(weights, values, strict=True)) / total

    events = [answer.expected_events for answer in answers]
    by_look = zip(*(answer.first_rejections for answer in answers), strict=True)
    return Answer(
        version=answers[0].version,
        n_trials=total,
        cpu_seconds=sum(answer.cpu_seconds for answer in answers),
        rejection=mean([answer.rejection for answer in answers]),
        first_rejections=tuple(mean(look) for look in by_look),
        expected_events=None if None in events else mean([e for e in events if e is not None]),
    )


def disagreements(theirs: Answer, ours: Answer) -> list[str]:
    """Probabilities that differ by more than four combined standard errors, in words.

    The standard error of the difference is the one for equal probabilities, so that none and all
    of a few trials have one, too.
    """
    names = ["overall", *(f"look {k}" for k in range(1, len(ours.first_rejections) + 1))]
    pairs = zip(
        names,
        (theirs.rejection, *theirs.first_rejections),
        (ours.rejection, *ours.first_rejections),
        strict=True,
    )
    wrong = []
    for name, p, q in pairs:
        both = (theirs.n_trials * p + ours.n_trials * q) / (theirs.n_trials + ours.n_trials)
        error = math.sqrt(both * (1.0 - both) * (1.0 / theirs.n_trials + 1.0 / ours.n_trials))
        if abs(p - q) > MOST_STANDARD_ERRORS * error:
            wrong.append(
                f"{name}: rejection probabilities {p:.5f} and {q:.5f} differ by "
                f"{abs(p - q):.5f}, more than {MOST_STANDARD_ERRORS:g} x {error:.5f}"
            )
    return wrong


def report(peer: Peer, workload: str, theirs: Sequence[Answer], ours: Sequence[Answer]) -> str:
    """Both sides as a table: trials a second, medians of the rounds, and pooled probabilities."""
    ratio = statistics.median(
        us.trials_per_second / them.trials_per_second for them, us in zip(theirs, ours, strict=True)
    )
    title = f"{workload.upper()}, arrivals {peer.arrivals.replace('_', ' ')}"
    lines = [
        f"{title:32}{'trials':>9}{'a second':>10}{'rejection':>11}{'events':>8}  by look",
    ]
    for name, answers in ((peer.name, theirs), ("simulate", ours)):
        all_rounds = pooled(answers)
        speed = statistics.median(answer.trials_per_second for answer in answers)
        events = all_rounds.expected_events
        lines.append(
            f"{f'{name} {all_rounds.version}':32}{all_rounds.n_trials:9,}{speed:10,.0f}"
            f"{all_rounds.rejection:11.4f}{'' if events is None else f'{events:.1f}':>8}  "
            + " ".join(f"{p:.4f}" for p in all_rounds.first_rejections)
        )
    return "\n".join([*lines, f"ratio of trials a second: {ratio:.1f}"])


if __name__ == "__main__":
    sys.exit(main())
