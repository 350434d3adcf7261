"""The commands that make run folders and those that look into them."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest
from reproducibility.stored_runs import (
    BLOCK,
    Ended,
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
    write_scenario,
)

from simulate import api
from simulate.runner.folder import MANIFEST

MANY = 60
FEW = 50_000


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenario(tmp_path_factory.mktemp("scenario"))


@pytest.fixture(scope="module")
def few(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Three blocks, the last of them partial."""
    return undisturbed(tiny, tmp_path_factory.mktemp("few") / "run", FEW)


@pytest.fixture(scope="module")
def many(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return undisturbed(tiny, tmp_path_factory.mktemp("many") / "run", MANY * BLOCK)


@pytest.fixture
def out(few: dict[str, bytes], tmp_path: Path) -> Path:
    """A finished run folder."""
    folder = tmp_path / "run"
    folder.mkdir()
    for name, data in few.items():
        (folder / name).write_bytes(data)
    return folder


def ran(tiny: Path, out: Path, *options: object) -> Ended:
    return in_process("run", tiny, "--out", out, "--workers", 1, *options)


# Run


def test_run_says_what_it_did(tiny: Path, few: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "run"
    first = ran(tiny, out)
    assert first.code == 0
    assert f"{out}: about 2.25 MB when finished" in first.stderr
    assert "50,000 trials in" in first.stderr
    assert f"{out}: 3 blocks simulated, 0 were there, 0 set aside; 1.6" in first.stderr
    assert contents(out) == few
    again = ran(tiny, out)
    assert f"{out}: 0 blocks simulated, 3 were there, 0 set aside; 1.6" in again.stderr
    assert again.stdout == first.stdout
    assert again.stdout == in_process("run", tiny, "--workers", 1).stdout
    assert contents(out) == few


def test_run_says_what_changed(tiny: Path, out: Path) -> None:
    longer = ran(tiny, out, "--trials", "1e5")
    assert longer.stderr.count("extended from 50,000 to 100,000 trials") == 1
    judged = ran(tiny, out, "--trials", "1e5", "--set", "hypotheses.pfs.alpha=0.01")
    assert judged.stderr.count("the same statistics, judged by another design") == 1
    assert "0 blocks simulated, 5 were there" in judged.stderr
    assert judged.stdout != longer.stdout


def test_quiet_json_is_json_alone(tiny: Path, out: Path) -> None:
    ended = ran(tiny, out, "--json", "--quiet")
    assert (ended.code, ended.stderr) == (0, "")
    assert json.loads(ended.stdout)["trials"] == FEW


def test_shards_say_what_is_missing(tiny: Path, few: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "run"
    first = ran(tiny, out, "--shard", "2/2", "--quiet")
    assert (first.code, first.stderr) == (0, "")
    assert first.stdout.splitlines() == [
        "shard 2 of 2 is done",
        f"2 of 3 blocks are still missing in {out}",
    ]
    # The same again finds it done.
    again = ran(tiny, out, "--shard", "2/2")
    assert "20,000 trials in" in again.stderr
    assert "0 blocks simulated, 1 were there" in again.stderr
    last = ran(tiny, out, "--shard", "1/2", "--quiet")
    assert last.stdout.splitlines()[1] == f"all blocks are there: simulate show {out}"
    assert contents(out) == few


def test_a_shard_without_blocks_is_done_at_once(tiny: Path, tmp_path: Path) -> None:
    ended = ran(tiny, tmp_path / "run", "--shard", "9/9", "--quiet")
    assert ended.code == 0, ended.stderr
    assert "3 of 3 blocks are still missing" in ended.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--keep", "summary"), "--keep needs --out DIR"),
        (("--shard", "1/2"), "--shard needs --out DIR"),
        (("--shard", "1/2", "--json", "--out", "{new}"), "--shard reports nothing yet"),
        (("--shard", "1/2", "--figure", "x.png", "--out", "{new}"), "--shard reports nothing yet"),
        (("--shard", "1/2", "--looks", "x.png", "--out", "{new}"), "--shard reports nothing yet"),
        (("--shard", "3/2", "--out", "{new}"), "must be k/n with 1 <= k <= n, such as 3/100"),
        (("--shard", "0/2", "--out", "{new}"), "(given: 0/2)"),
        (("--shard", "one", "--out", "{new}"), "(given: one)"),
        (("--keep", "all", "--out", "{new}"), "'all' is not one of 'rows', 'summary'"),
        (("--out", "{run}", "--seed", "8"), "seed: the folder has 7, asked for is 8"),
        (("--out", "{run}", "--trials", "40000"), "asked for are fewer, 40,000"),
        (("--out", "{run}", "--keep", "summary"), "the folder has rows, asked for is summary"),
        (("--out", "{run}", "--set", "accrual.patients=9"), "scenario (hash of all that is sim"),
        (("--out", "{file}"), "is a file, not a folder; give another --out"),
        (("--out", "{full}"), "is not empty and no run folder (it holds thesis.tex)"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_run_refuses(
    tiny: Path,
    few: dict[str, bytes],
    out: Path,
    tmp_path: Path,
    options: tuple[str, ...],
    words: str,
) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "thesis.tex").write_bytes(b"mine")
    places = {"run": out, "new": tmp_path / "new", "file": full / "thesis.tex", "full": full}
    given = [option.format(**places) for option in options]
    ended = in_process("run", tiny, "--quiet", *given)
    assert_one_clear_message(ended, 2, words)
    assert ended.stdout == ""
    assert contents(out) == few
    assert contents(full) == {"thesis.tex": b"mine"}
    assert {file.name for file in tmp_path.iterdir()} == {"run", "full"}


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("/dev/null/run", "cannot be written: Not a directory"),
        ("/proc/run", "more are needed there, and 0 bytes are free; --keep summary needs far less"),
    ],
)
def test_places_that_cannot_be_written(tiny: Path, place: str, words: str) -> None:
    ended = in_process("run", tiny, "--quiet", "--out", place)
    assert_one_clear_message(ended, 1, f"{place}: ", words)
    assert ended.stdout == ""


def test_a_summary_cannot_be_judged_again(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    whole = undisturbed(tiny, out, FEW, keep="summary")
    ended = ran(tiny, out, "--quiet", "--keep", "summary", "--set", "hypotheses.pfs.alpha=0.01")
    assert_one_clear_message(ended, 2, "a summary cannot be judged again", "give another --out")
    assert contents(out) == whole


def test_commands_of_a_process_end_as_those_in_this_one(
    tiny: Path, few: dict[str, bytes], out: Path
) -> None:
    """What the other tests take for granted, and that warnings are none."""
    refused = simulate("run", tiny, "--out", out, "--seed", 8, "--quiet")
    assert refused == in_process("run", tiny, "--out", out, "--seed", 8, "--quiet")
    blocks(out)[0].unlink()
    assert simulate("status", out) == in_process("status", out)
    assert simulate("verify", out, "--quiet") == in_process("verify", out, "--quiet")


# Interrupted


@pytest.mark.parametrize(
    ("signal_sent", "workers", "to_all"),
    [
        pytest.param(signal.SIGINT, 1, False, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, 2, True, marks=pytest.mark.slow),  # Ctrl-C in a terminal
        pytest.param(signal.SIGINT, 2, False, marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, 1, False, marks=pytest.mark.slow),
        (signal.SIGTERM, 2, False),
        pytest.param(signal.SIGTERM, 2, True, marks=pytest.mark.slow),  # a batch system
    ],
)
def test_an_interrupted_run_says_what_is_safe_and_goes_on(
    tiny: Path,
    many: dict[str, bytes],
    tmp_path: Path,
    signal_sent: signal.Signals,
    workers: int,
    to_all: bool,
) -> None:
    out = tmp_path / "run"
    arguments = ("run", tiny, "--trials", MANY * BLOCK, "--out", out, "--workers", workers)
    with started(*arguments, "--quiet") as process:
        wait_until(holds(out, 5), process)
        before = time.monotonic()
        if to_all:
            os.killpg(process.pid, signal_sent)
        else:
            process.send_signal(signal_sent)
        ended = end_of(process)
    assert time.monotonic() - before < 20.0
    assert_one_clear_message(
        ended, 130, "simulate: interrupted; ", f"safe in {out}", "the same command goes on"
    )
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stdout == ""
    left = {name: data for name, data in contents(out).items() if name[0] != "."}
    assert left.items() < many.items()
    assert f"interrupted; {len(left) - 1} of {MANY} blocks" in ended.stderr
    counts = api.Counts()
    api.run(tiny, out=out, trials=MANY * BLOCK, workers=1, counts=counts)
    assert (counts.found, counts.simulated) == (len(left) - 1, MANY + 1 - len(left))
    assert contents(out) == many
    assert not rejected(out).exists()


# Status


def test_status_of_a_finished_folder(few: dict[str, bytes], out: Path) -> None:
    ended = in_process("status", out)
    assert (ended.code, ended.stderr) == (0, "")
    size = sum(len(data) for name, data in few.items() if name != MANIFEST)
    assert ended.stdout.splitlines() == [
        "Hardly any patients",
        "seed 7, 50,000 trials, keeps rows",
        f"3 of 3 blocks, {size / 1e6:.3g} MB",
        f"all there: simulate show {out}",
    ]


def test_status_lists_what_is_missing_and_strange(out: Path) -> None:
    blocks(out)[1].unlink()
    (out / "notes.txt").write_bytes(b"mine")
    rejected(out).mkdir()
    ended = in_process("status", out)
    assert ended.code == 1
    assert ended.stdout.splitlines()[3:] == [
        "missing: trials 20,000 to 39,999",
        "does not belong here: notes.txt",
        f"set aside in {rejected(out)}",
    ]


def test_status_lists_ten_and_counts_the_rest(tiny: Path, tmp_path: Path) -> None:
    api.run_shard(tiny, tmp_path / "run", api.Shard(9, 9), trials=12 * BLOCK, workers=1)
    (tmp_path / "run" / "a").write_bytes(b"")
    lines = in_process("status", tmp_path / "run").stdout.splitlines()
    assert sum(line.startswith("missing: trials") for line in lines) == 10
    assert "missing: 1 more" in lines
    assert lines[-1] == "does not belong here: a"


def test_status_as_json(out: Path) -> None:
    last = blocks(out)[2]
    size = sum(file.stat().st_size for file in blocks(out)[:2])
    last.unlink()
    ended = in_process("status", out, "--json")
    assert (ended.code, ended.stderr) == (1, "")
    found = json.loads(ended.stdout)
    assert (found["format"], found["format_version"]) == ("simulate-status", 1)
    assert (found["blocks_planned"], found["blocks_present"]) == (3, 2)
    assert (found["missing"], found["strange"]) == ([[40_000, 50_000]], [])
    assert (found["trials"], found["seed"], found["keep"]) == (FEW, 7, "rows")
    assert found["bytes"] == size


# Show


def test_show_prints_what_run_printed(tiny: Path, out: Path) -> None:
    for option in ((), ("--json",)):
        run = ran(tiny, out, *option)
        show = in_process("show", out, *option, "--quiet")
        assert (show.code, show.stderr) == (0, "")
        assert show.stdout == run.stdout
    assert in_process("show", out, "--format", "json").stdout == show.stdout


@pytest.mark.parametrize(("form", "start"), [("csv", "scenario,"), ("markdown", "#")])
def test_show_prints_other_forms(out: Path, form: str, start: str) -> None:
    ended = in_process("show", out, "--format", form)
    assert ended.code == 0
    assert ended.stdout.startswith(start)


def test_show_draws(out: Path, tmp_path: Path) -> None:
    figure, looks = tmp_path / "result.png", tmp_path / "looks.png"
    ended = in_process("show", out, "--figure", figure, "--looks", looks, "--quiet")
    assert (ended.code, ended.stderr) == (0, "")
    for file in (figure, looks):
        assert file.read_bytes().startswith(b"\x89PNG")
    refused = in_process("show", out, "--looks", tmp_path / "looks.jpg")
    assert_one_clear_message(refused, 2, "--looks: must end in .png, .svg or .pdf")


def test_show_partial_takes_what_there_is(tiny: Path, few: dict[str, bytes], out: Path) -> None:
    for name in sorted(few)[2:]:
        (out / name).unlink()
    ended = in_process("show", out)
    assert_one_clear_message(
        ended, 1, "2 of 3 blocks are missing", "trials 20,000 to 39,999", "simulate show --partial"
    )
    partial = in_process("show", out, "--partial", "--json", "--quiet")
    assert (partial.code, partial.stderr) == (0, "")
    found = json.loads(partial.stdout)
    alone = api.run(scenario(tiny), trials=BLOCK, workers=1).to_json()
    assert found["operating_characteristics"] == alone["operating_characteristics"]
    assert found["trials"] == BLOCK


def test_nothing_cannot_be_shown(tiny: Path, few: dict[str, bytes], out: Path) -> None:
    for file in blocks(out):
        file.unlink()
    for option in ((), ("--partial",)):
        ended = in_process("show", out, *option, "--quiet")
        assert_one_clear_message(ended, 1, "3 of 3 blocks are missing")
        assert "--partial" not in ended.stderr
        assert ended.stdout == ""
    # All of it is simulated again.
    assert ran(tiny, out).code == 0
    assert contents(out) == few


# Verify


def test_verify_says_what_is_right(out: Path) -> None:
    ended = in_process("verify", out, "--quiet")
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout == ("3 files are right; 3 blocks simulated again gave the same bytes\n")
    assert "; 0 blocks simulated" in in_process("verify", out, "--blocks", 0).stdout
    assert "; 2 blocks simulated" in in_process("verify", out, "--blocks", 2).stdout


def test_verify_names_everything(out: Path) -> None:
    first, second, _ = blocks(out)
    first.write_bytes(b"")
    second.unlink()
    (out / "notes.txt").write_bytes(b"mine")
    ended = in_process("verify", out, "--quiet")
    assert (ended.code, ended.stderr) == (1, "")
    assert ended.stdout.splitlines() == [
        f"{out / 'notes.txt'}: does not belong here",
        f"{first}: truncated or altered: it does not have its SHA-256",
        "missing: trials 20,000 to 39,999",
        "1 files are right; 1 blocks simulated again gave the same bytes",
    ]


def test_verify_finds_statistics_that_were_not_simulated(tiny: Path, out: Path) -> None:
    """A file that is right in itself: only simulating it again tells."""
    from simulate.runner.columns import decode_rows, encode_rows
    from simulate.runner.execute import Block
    from simulate.runner.folder import open_folder

    folder = open_folder(out)
    file = folder.present()[Block(0, BLOCK)]
    statistics = decode_rows(file.read_bytes(), 1)
    statistics.z[17] += 1e-9
    file.unlink()
    numbers, header = folder.manifest.numbers, folder.manifest.header
    forged = folder.add(Block(0, BLOCK), encode_rows(statistics, 0, numbers, header))
    ended = in_process("verify", out, "--quiet")
    assert ended.code == 1
    assert ended.stdout.splitlines() == [
        f"{forged}: simulated again, its bytes are others",
        "3 files are right; 2 blocks simulated again gave the same bytes",
    ]


# Merge


def test_merge_joins_shards(tiny: Path, few: dict[str, bytes], tmp_path: Path) -> None:
    for number in (1, 2):
        ran(tiny, tmp_path / str(number), "--shard", f"{number}/2")
    ended = in_process("merge", tmp_path / "2", "--out", tmp_path / "all")
    assert ended.code == 1
    assert ended.stdout.splitlines() == [
        "missing: trials 0 to 19,999",
        "missing: trials 40,000 to 49,999",
        f"1 of 3 blocks are in {tmp_path / 'all'}",
    ]
    ended = in_process("merge", tmp_path / "2", tmp_path / "1", "--out", tmp_path / "all")
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout == f"3 of 3 blocks are in {tmp_path / 'all'}\n"
    assert contents(tmp_path / "all") == few


def test_merge_names_wrong_files(out: Path, tmp_path: Path) -> None:
    file = blocks(out)[1]
    file.write_bytes(b"")
    before = contents(out)
    ended = in_process("merge", out, "--out", tmp_path / "all")
    assert ended.code == 1
    assert ended.stdout.splitlines() == [
        f"{file}: truncated or altered: it does not have its SHA-256; left out",
        "missing: trials 20,000 to 39,999",
        f"2 of 3 blocks are in {tmp_path / 'all'}",
    ]
    assert contents(out) == before


def test_merge_refuses_other_runs(tiny: Path, out: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    undisturbed(tiny, other, FEW, seed=8)
    ended = in_process("merge", out, other, "--out", tmp_path / "all")
    assert_one_clear_message(ended, 2, "is not of the same run: its seed is 8")
    assert not (tmp_path / "all").exists()


@pytest.mark.parametrize("verb", ["status", "show", "verify", "merge"])
def test_what_is_no_run_folder_is_refused(verb: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    into = ("--out", tmp_path / "all") if verb == "merge" else ()
    for path in (tmp_path, tmp_path / "file", tmp_path / "nowhere"):
        ended = in_process(verb, path, *into)
        assert_one_clear_message(ended, 2, f"{path}: is no run folder: it has no manifest.json")
        assert ended.stdout == ""
    assert contents(tmp_path) == {"file": b"mine"}


def test_a_partial_result_says_so_everywhere(out: Path) -> None:
    blocks(out)[0].unlink()
    told = "partial: 20,000 of 50,000 planned trials are missing"
    for form in ("table", "markdown"):
        assert told in in_process("show", str(out), "--partial", "--format", form).stdout
    found = json.loads(in_process("show", str(out), "--partial", "--json").stdout)
    assert (found["trials"], found["planned_trials"]) == (30_000, 50_000)


def test_brackets_in_the_name_of_a_folder_are_no_markup(tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "o[red][x"
    ended = in_process("run", str(tiny), "--trials", "1000", "--out", str(folder))
    assert ended.code == 0
    assert "o[red][x: 1 blocks simulated" in ended.stderr


def test_a_folder_without_a_name_is_refused(tiny: Path) -> None:
    ended = in_process("run", str(tiny), "--out", "")
    assert ended.code == 2
    assert "--out needs the name of a folder" in ended.stderr
