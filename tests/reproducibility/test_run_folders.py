"""Run folders under faults: killed, shared, full, damaged; the bytes are always the same."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from reproducibility.stored_runs import (
    BLOCK,
    assert_one_clear_message,
    blocks,
    contents,
    end_of,
    holds,
    in_process,
    rejected,
    scenario,
    simulate,
    started,
    undisturbed,
    wait_until,
    worker_processes,
    write_scenario,
)

from simulate import api
from simulate.errors import StoreError
from simulate.runner.folder import BLOCK_NAME, MANIFEST, open_folder
from simulate.runner.merge import merge_folders

MANY = 40
SEVERAL = 200_000
FEW = 50_000


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenario(tmp_path_factory.mktemp("scenario"))


@pytest.fixture(scope="module")
def many(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """An undisturbed run of forty blocks in one process."""
    return undisturbed(tiny, tmp_path_factory.mktemp("many") / "run", MANY * BLOCK)


@pytest.fixture(scope="module")
def several(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Ten blocks."""
    return undisturbed(tiny, tmp_path_factory.mktemp("several") / "run", SEVERAL)


@pytest.fixture(scope="module")
def few(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Three blocks, the last of them partial."""
    return undisturbed(tiny, tmp_path_factory.mktemp("few") / "run", FEW)


def write(folder: Path, files: dict[str, bytes]) -> Path:
    """A copy of a run folder."""
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def of_many(tiny: Path, out: Path) -> tuple[object, ...]:
    return ("run", tiny, "--trials", MANY * BLOCK, "--workers", 2, "--out", out)


# Killed


def kill_and_go_on(tiny: Path, out: Path, whole: dict[str, bytes], kills: int, seed: int) -> None:
    """Kill a run with two workers again and again, each time further on; then let it end."""
    rng = np.random.default_rng(seed)
    moments = np.sort(rng.choice(np.arange(1, MANY - 8), kills, replace=False))
    for moment, delay in zip(moments, rng.uniform(0.0, 0.03, kills), strict=True):
        with started(*of_many(tiny, out)) as process:
            wait_until(holds(out, moment), process)
            time.sleep(delay)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        assert process.returncode == -signal.SIGKILL
        left = {name: data for name, data in contents(out).items() if name[0] != "."}
        assert left.items() <= whole.items()
        assert len(left) < len(whole), "the run was over before it was killed"
    api.run(tiny, out=out, trials=MANY * BLOCK, workers=1)
    assert contents(out) == whole
    assert not rejected(out).exists()


def test_killed_twice(tiny: Path, many: dict[str, bytes], tmp_path: Path) -> None:
    kill_and_go_on(tiny, tmp_path / "run", many, 2, 11)


@pytest.mark.slow
def test_killed_again_and_again(tiny: Path, many: dict[str, bytes], tmp_path: Path) -> None:
    kill_and_go_on(tiny, tmp_path / "run", many, 5, 0)


@pytest.mark.validate
@pytest.mark.parametrize("seed", range(1, 11))
def test_killed_fifty_times(tiny: Path, many: dict[str, bytes], tmp_path: Path, seed: int) -> None:
    kill_and_go_on(tiny, tmp_path / "run", many, 5, seed)


@pytest.mark.slow
def test_a_killed_worker_is_replaced(tiny: Path, many: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "run"
    with started(*of_many(tiny, out)) as process:
        for due in (5, 20):
            wait_until(holds(out, due), process)
            wait_until(lambda: len(worker_processes(process)) == 2, process)
            os.kill(worker_processes(process)[0], signal.SIGKILL)
        done = end_of(process)
    assert done.code == 0, done.stderr
    assert done.stderr.count("a worker process died; its block is taken up again") == 2
    assert "Traceback" not in done.stderr
    assert contents(out) == many


# Shards


@pytest.mark.parametrize("of", [1, 3, 7])
@pytest.mark.parametrize("keep", ["rows", "summary"])
def test_shards_in_any_order_merge_to_the_same_bytes(
    tiny: Path, several: dict[str, bytes], tmp_path: Path, of: int, keep: Literal["rows", "summary"]
) -> None:
    rng = np.random.default_rng(of)
    numbers = [int(number) for number in rng.permutation(of) + 1]
    for number in numbers:
        shard = api.Shard(number, of)
        api.run_shard(tiny, tmp_path / str(number), shard, trials=SEVERAL, keep=keep, workers=1)
    merged = merge_folders(
        [tmp_path / str(number) for number in rng.permutation(numbers)], tmp_path / "merged"
    )
    assert merged.complaints == []
    if keep == "rows":
        whole = several
    else:
        whole = undisturbed(tiny, tmp_path / "whole", SEVERAL, keep="summary")
    assert contents(tmp_path / "merged") == whole


def test_shards_share_one_folder_in_any_order(
    tiny: Path, several: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    for number in (3, 1, 2):
        assert out.exists() is (number != 3)
        api.run_shard(tiny, out, api.Shard(number, 3), trials=SEVERAL, workers=1)
    assert contents(out) == several


@pytest.mark.slow
def test_shards_write_into_one_folder_at_once(
    tiny: Path, many: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    arguments = ("run", tiny, "--trials", MANY * BLOCK, "--workers", 1, "--out", out, "--shard")
    with started(*arguments, "1/2") as one, started(*arguments, "2/2") as two:
        assert {end_of(one).code, end_of(two).code} == {0}
    assert contents(out) == many


# Two runs at once


@pytest.mark.slow
def test_two_runs_at_once_in_one_folder(tiny: Path, many: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "run"
    with started(*of_many(tiny, out)) as one, started(*of_many(tiny, out)) as two:
        first, second = end_of(one), end_of(two)
    assert (first.code, second.code) == (0, 0), (first, second)
    assert first.stdout == second.stdout
    assert contents(out) == many
    assert not rejected(out).exists()


@pytest.mark.slow
def test_a_second_run_extends_while_the_first_is_running(
    tiny: Path, many: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    fewer = ("run", tiny, "--trials", 410_000, "--workers", 2, "--out", out)
    with started(*fewer) as one:
        wait_until(holds(out, 1), one)
        with started(*of_many(tiny, out)) as two:
            first, second = end_of(one), end_of(two)
    assert (first.code, second.code) == (0, 0), (first, second)
    assert "extended from 410,000 to 800,000 trials" in second.stderr
    assert contents(out) == many
    assert not rejected(out).exists()


# Extending and judging again


@pytest.mark.parametrize("keep", ["rows", "summary"])
def test_extended_runs_equal_long_ones(
    tiny: Path, several: dict[str, bytes], tmp_path: Path, keep: Literal["rows", "summary"]
) -> None:
    out = tmp_path / "run"
    simulated = []
    for trials in (FEW, 90_000, SEVERAL, SEVERAL):
        counts = api.Counts()
        result = api.run(tiny, out=out, trials=trials, keep=keep, workers=1, counts=counts)
        simulated.append((counts.simulated, counts.found))
    # Whole blocks are kept: 2 of 3, 4 of 5, 10 of 10.
    assert simulated == [(3, 0), (3, 2), (6, 4), (0, 10)]
    whole = several
    if keep == "summary":
        whole = undisturbed(tiny, tmp_path / "whole", SEVERAL, keep="summary")
    else:
        assert result.to_json() == api.run(tiny, trials=SEVERAL, workers=1).to_json()
    assert contents(out) == whole
    assert not rejected(out).exists()


def test_another_design_judges_the_same_blocks(
    tiny: Path, few: dict[str, bytes], tmp_path: Path
) -> None:
    out = write(tmp_path / "run", few)
    stricter = scenario(tiny, "hypotheses.pfs.alpha=0.005")
    counts = api.Counts()
    result = api.run(stricter, out=out, counts=counts, workers=1)
    assert (counts.simulated, counts.found) == (0, 3)
    assert "judged by another design" in counts.changes[0]
    fresh = tmp_path / "fresh"
    assert result.to_json() == api.run(stricter, out=fresh, workers=1).to_json()
    assert contents(out) == contents(fresh)
    assert contents(out) != few
    assert {name: contents(out)[name] for name in few if name != MANIFEST} == {
        name: data for name, data in few.items() if name != MANIFEST
    }


@pytest.mark.parametrize("how", ["killed", "sharded"])
def test_a_summary_goes_on_where_it_was(tiny: Path, tmp_path: Path, how: str) -> None:
    whole = undisturbed(tiny, tmp_path / "whole", SEVERAL, keep="summary")
    out = tmp_path / "run"
    if how == "killed":
        write(out, dict(list(whole.items())[:6]))  # the manifest and five blocks
    else:
        api.run_shard(tiny, out, api.Shard(2, 2), trials=SEVERAL, keep="summary", workers=1)
    counts = api.Counts()
    result = api.run(tiny, out=out, trials=SEVERAL, keep="summary", counts=counts, workers=1)
    assert (counts.simulated, counts.found) == (5, 5)
    assert contents(out) == whole
    assert result.to_json() == api.load_run(tmp_path / "whole").to_json()


# Damage


def flip(place: float) -> Callable[[bytes], bytes]:
    """Flip one bit, ``place`` of the way through."""

    def flipped(data: bytes) -> bytes:
        byte = min(int(place * len(data)), len(data) - 1)
        return data[:byte] + bytes([data[byte] ^ (1 << byte % 8)]) + data[byte + 1 :]

    return flipped


DAMAGE: dict[str, Callable[[bytes], bytes | None]] = {
    "deleted": lambda data: None,
    "emptied": lambda data: b"",
    "halved": lambda data: data[: len(data) // 2],
    "a byte short": lambda data: data[:-1],
    "a byte long": lambda data: data + b"\0",
    "first bit": flip(0.0),
    "early bit": flip(0.1),
    "middle bit": flip(0.5),
    "late bit": flip(0.9),
    "last bit": flip(1.0),
}


def damage(file: Path, how: str) -> None:
    data = DAMAGE[how](file.read_bytes())
    if data is None:
        file.unlink()
    else:
        file.write_bytes(data)


def assert_found(out: Path, words: str, *verbs: str) -> None:
    """Each command names it, exits with 1 and changes nothing."""
    before = contents(out)
    for verb in verbs:
        ended = in_process(verb, out)
        assert ended.code == 1, (verb, ended)
        assert (ended.stdout + ended.stderr).count(words) == 1, (verb, ended)
        assert "Traceback" not in ended.stderr
        if verb == "show":
            assert ended.stdout == ""
    assert contents(out) == before
    assert not rejected(out).exists()


def assert_repaired(tiny: Path, out: Path, whole: dict[str, bytes], n_aside: int, n: int) -> None:
    """`run` sets wrong files aside, simulates their blocks again, and leaves the same bytes."""
    before = set(rejected(out).iterdir()) if rejected(out).exists() else set()
    ended = in_process("run", tiny, "--out", out, "--workers", 1)
    assert ended.code == 0, ended.stderr
    assert f"{n} blocks simulated, {3 - n} were there, {n_aside} set aside" in ended.stderr
    assert contents(out) == whole
    aside = set(rejected(out).iterdir()) - before if rejected(out).exists() else set()
    assert len(aside) == n_aside


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_block_is_found_and_replaced(
    tiny: Path, few: dict[str, bytes], tmp_path: Path, how: str, place: int
) -> None:
    out = write(tmp_path / "run", few)
    file = blocks(out)[place]
    damage(file, how)
    if how == "deleted":
        first, last = [(0, 19_999), (20_000, 39_999), (40_000, 49_999)][place]
        assert_found(out, f"trials {first:,} to {last:,}", "status", "verify", "show")
        assert_repaired(tiny, out, few, 0, 1)
    else:
        # Names are right: status does not read the files.
        assert in_process("status", out).code == 0
        assert_found(out, f"{file}: truncated or altered", "verify", "show")
        assert_repaired(tiny, out, few, 1, 1)


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_manifest_is_refused(
    tiny: Path, few: dict[str, bytes], tmp_path: Path, how: str
) -> None:
    out = write(tmp_path / "run", few)
    damage(out / MANIFEST, how)
    before = contents(out)
    for arguments in (
        ("status", out),
        ("show", out),
        ("verify", out),
        ("merge", out, "--out", tmp_path / "merged"),
        ("run", tiny, "--out", out, "--quiet"),
    ):
        ended = in_process(*arguments)
        words = "manifest was truncated or altered" if how != "deleted" else str(out)
        # Without a manifest it is no run folder: bad input.
        assert_one_clear_message(ended, 2 if how == "deleted" else 1, words)
        assert ended.stdout == ""
    assert contents(out) == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["run"]


def test_any_bit_of_the_manifest_counts(few: dict[str, bytes], tmp_path: Path) -> None:
    out = write(tmp_path / "run", few)
    data = few[MANIFEST]
    rng = np.random.default_rng(0)
    for byte, bit in zip(rng.permutation(len(data))[:300], rng.integers(8, size=300), strict=True):
        altered = data[:byte] + bytes([data[byte] ^ (1 << bit)]) + data[byte + 1 :]
        (out / MANIFEST).write_bytes(altered)
        with pytest.raises(StoreError):
            open_folder(out)


def test_blocks_outlive_their_manifest(tiny: Path, few: dict[str, bytes], tmp_path: Path) -> None:
    """What the message about a damaged manifest advises."""
    out = write(tmp_path / "run", {MANIFEST: few[MANIFEST]})
    for name, data in few.items():
        (out / name).write_bytes(data)
    assert_repaired(tiny, out, few, 0, 0)


@pytest.mark.parametrize("other", ["seed", "scenario", "keep"])
def test_a_block_of_another_run_is_found_and_replaced(
    tiny: Path, few: dict[str, bytes], tmp_path: Path, other: str
) -> None:
    overrides = ("accrual.patients=10",) if other == "scenario" else ()
    foreign = undisturbed(
        tiny,
        tmp_path / "other",
        FEW,
        *overrides,
        seed=8 if other == "seed" else None,
        keep="summary" if other == "keep" else "rows",
    )
    out = write(tmp_path / "run", few)
    right, wrong = blocks(out)[1], sorted(foreign)[2]
    assert right.name[:30] == wrong[:30]
    right.unlink()
    (out / wrong).write_bytes(foreign[wrong])
    assert_found(out, f"{out / wrong}: belongs to another run", "verify", "show")
    assert_repaired(tiny, out, few, 1, 1)


def test_a_summary_of_another_design_is_found_and_replaced(tiny: Path, tmp_path: Path) -> None:
    alpha = "hypotheses.pfs.alpha=0.005"
    foreign = undisturbed(tiny, tmp_path / "other", FEW, alpha, keep="summary")
    whole = undisturbed(tiny, tmp_path / "run", FEW, keep="summary")
    out = tmp_path / "run"
    blocks(out)[0].unlink()
    name = sorted(foreign)[1]
    (out / name).write_bytes(foreign[name])
    assert_found(out, f"{out / name}: belongs to another run", "verify", "show")
    api.run(tiny, out=out, trials=FEW, keep="summary", workers=1)
    assert contents(out) == whole


@pytest.mark.parametrize("keep", ["rows", "summary"])
def test_exchanged_blocks_are_found_and_replaced(
    tiny: Path, tmp_path: Path, keep: Literal["rows", "summary"]
) -> None:
    out = tmp_path / "run"
    whole = undisturbed(tiny, out, FEW, keep=keep)
    one, two = blocks(out)[:2]
    data = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(data)
    assert_found(out, f"{one}: truncated or altered", "verify", "show")
    api.run(tiny, out=out, trials=FEW, keep=keep, workers=1)
    assert contents(out) == whole
    assert len(list(rejected(out).iterdir())) == 2


@pytest.mark.parametrize("keep", ["rows", "summary"])
def test_a_block_under_the_name_of_another_is_found_and_replaced(
    tiny: Path, tmp_path: Path, keep: Literal["rows", "summary"]
) -> None:
    """The SHA-256 in the name is right, the trials are not."""
    out = tmp_path / "run"
    whole = undisturbed(tiny, out, FEW, keep=keep)
    one, two = blocks(out)[:2]
    fingerprint = BLOCK_NAME.fullmatch(one.name)
    assert fingerprint is not None
    wrong = out / f"{two.name[:31]}{fingerprint[3]}.parquet"
    wrong.write_bytes(one.read_bytes())
    two.unlink()
    assert_found(out, f"{wrong}: belongs to another run or other trials", "verify", "show")
    api.run(tiny, out=out, trials=FEW, keep=keep, workers=1)
    assert contents(out) == whole


def test_strangers_are_named_and_left_alone(
    tiny: Path, few: dict[str, bytes], tmp_path: Path
) -> None:
    out = write(tmp_path / "run", few)
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    assert_found(out, "notes.txt", "status", "verify")
    assert in_process("show", out, "--quiet").code == 0
    assert_repaired(tiny, out, few | {"notes.txt": b"mine"}, 0, 0)


@pytest.mark.parametrize(
    "name",
    [
        "trials-00000060000-00000080000-0123456789abcdef.parquet",  # beyond the end
        "trials-00000000007-00000000011-0123456789abcdef.parquet",  # not aligned
        "trials-00000040000-00000045000-0123456789abcdef.parquet",  # as if once the last block
    ],
)
def test_what_looks_like_a_block_and_is_none_is_set_aside(
    tiny: Path, few: dict[str, bytes], tmp_path: Path, name: str
) -> None:
    out = write(tmp_path / "run", few)
    (out / name).write_bytes(b"no block")
    assert_found(out, name, "status", "verify")
    assert_repaired(tiny, out, few, 1, 0)
    assert (rejected(out) / name).read_bytes() == b"no block"


def test_files_set_aside_do_not_replace_each_other(
    tiny: Path, few: dict[str, bytes], tmp_path: Path
) -> None:
    out = write(tmp_path / "run", few)
    file = blocks(out)[0]
    for number, data in enumerate((b"one", b"two", b"three"), 1):
        file.write_bytes(data)
        assert_repaired(tiny, out, few, 1, 1)
        assert len(list(rejected(out).iterdir())) == number
    assert {file.read_bytes() for file in rejected(out).iterdir()} == {b"one", b"two", b"three"}


# Places that cannot be written


def small_files_only() -> None:
    """A manifest can be written, a block cannot."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_files_that_cannot_grow(
    tiny: Path, several: dict[str, bytes], tmp_path: Path, workers: int
) -> None:
    out = tmp_path / "run"
    arguments = ("run", tiny, "--trials", SEVERAL, "--workers", workers, "--out", out, "--quiet")
    half = dict(list(several.items())[:6])
    write(out, half)
    ended = simulate(*arguments, preexec_fn=small_files_only)
    assert_one_clear_message(
        ended, 1, "cannot be written: File too large; what is there is safe, and the same command"
    )
    assert ended.stdout == ""
    assert contents(out) == half
    api.run(tiny, out=out, trials=SEVERAL, workers=1)
    assert contents(out) == several


@pytest.mark.slow
def test_a_full_disk(tiny: Path, several: dict[str, bytes], tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(disk)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("a small file system cannot be mounted here")
    try:
        out = disk / "run"
        arguments = ("run", tiny, "--trials", SEVERAL, "--out", out, "--workers", 1)
        with started(*arguments) as process:
            wait_until(out.exists, process)
            # Room for two blocks and a bit.
            free = shutil.disk_usage(disk).free
            (disk / "ballast").write_bytes(bytes(free - 1_500_000))
            ended = end_of(process)
        assert_one_clear_message(ended, 1, "cannot be written: No space left on device")
        left = contents(out)
        assert left.items() < several.items()
        # There is no room from the start, and it says so.
        ended = simulate(*arguments, "--quiet")
        assert_one_clear_message(ended, 1, "more are needed there, and")
        assert contents(out) == left
        (disk / "ballast").unlink()
        assert simulate(*arguments).code == 0
        assert contents(out) == several
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_folder_that_vanishes(
    tiny: Path, many: dict[str, bytes], tmp_path: Path, workers: int
) -> None:
    out, moved = tmp_path / "run", tmp_path / "moved"
    arguments = ("run", tiny, "--trials", MANY * BLOCK, "--workers", workers, "--out", out)
    with started(*arguments, "--quiet") as process:
        wait_until(holds(out, 4), process)
        out.rename(moved)
        ended = end_of(process)
    assert_one_clear_message(ended, 1, "cannot be written: No such file or directory")
    assert not out.exists()
    left = {name: data for name, data in contents(moved).items() if name[0] != "."}
    assert left.items() < many.items()
    moved.rename(out)
    api.run(tiny, out=out, trials=MANY * BLOCK, workers=1)
    assert contents(out) == many
