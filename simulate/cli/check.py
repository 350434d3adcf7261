"""simulate check, simulate schema: what a scenario file says, and may say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from simulate.cli.common import file_argument, open_console, print_json, set_option

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.command()
@file_argument
@set_option
def check(file: str, overrides: Sequence[str]) -> None:
    """Check FILE, and tell the trial in words with what closed forms expect of it."""
    from simulate.report.text import print_check
    from simulate.scenario.load import load_scenario

    print_check(load_scenario(file, overrides), open_console())


@click.command()
def schema() -> None:
    """Print the JSON Schema of scenario files."""
    from simulate.scenario.models import json_schema

    print_json(json_schema())
