"""The pages on run folders and batch jobs name the columns and options that there are."""

import re
import subprocess
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import simulate
from simulate.cli import cli

ROOT = Path(__file__).parents[2]
JOBS = sorted((ROOT / "docs" / "jobs").glob("*.sh"))
PAGE = ROOT / "docs" / "run-folders.md"
COLUMN = re.compile(r"^\| `(\w+)` \| (u?int\d+|double) \|", re.MULTILINE)
OPTION = re.compile(r"--[a-z][a-z-]*")
SCENARIO = ROOT / "scenarios" / "belzutifan-vs-sunitinib.toml"


def _commands(script: Path) -> list[str]:
    """Each call of simulate run, with its continued lines."""
    code = [
        line
        for line in script.read_text(encoding="utf-8").splitlines()
        if not line.lstrip().startswith("#")
    ]
    joined = "\n".join(code).replace("\\\n", " ")
    return [line for line in joined.splitlines() if "simulate run" in line]


def _options(command: str) -> set[str]:
    return set(OPTION.findall(command.partition("simulate run")[2]))


@pytest.mark.parametrize("script", JOBS, ids=lambda script: script.name)
def test_job_script_is_valid_bash(script: Path) -> None:
    checked = subprocess.run(
        ["bash", "-n", str(script)], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize("script", JOBS, ids=lambda script: script.name)
def test_job_script_names_options_of_simulate_run(script: Path) -> None:
    known = set(OPTION.findall(CliRunner().invoke(cli, ["run", "--help"]).output))
    (command,) = _commands(script)
    options = _options(command)
    assert {"--trials", "--out", "--shard", "--workers"} <= options
    assert options <= known


@pytest.mark.parametrize("script", JOBS, ids=lambda script: script.name)
def test_batch_jobs_page_names_the_script(script: Path) -> None:
    page = (ROOT / "docs" / "batch-jobs.md").read_text(encoding="utf-8")
    assert f"(jobs/{script.name})" in page


def test_there_are_three_job_scripts() -> None:
    assert [script.name for script in JOBS] == ["sge-array.sh", "slurm-array.sh", "xargs.sh"]


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("slurm-array.sh", r"^#SBATCH --array=1-(\d+)$"),
        ("sge-array.sh", r"^#\$ -t 1-(\d+)$"),
    ],
)
def test_shards_are_those_of_the_array(name: str, last: str) -> None:
    text = (ROOT / "docs" / "jobs" / name).read_text(encoding="utf-8")
    (tasks,) = re.findall(last, text, re.MULTILINE)
    assert re.findall(r"^SHARDS=(\d+)$", text, re.MULTILINE) == [tasks]


def test_column_table_is_that_of_a_block(tmp_path: Path) -> None:
    simulate.run(SCENARIO, trials=10, workers=1, out=tmp_path / "run")
    (block,) = (tmp_path / "run").glob("trials-*.parquet")
    schema: pa.Schema = pq.read_schema(block)
    written = [(field.name, str(field.type)) for field in schema]
    assert COLUMN.findall(PAGE.read_text(encoding="utf-8")) == written
