"""Loading: what is filled in, what overrides do, where problems are said to be, files that fail."""

import copy
import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulate.errors import ScenarioError
from simulate.scenario.load import load_scenario, scenario_from_dict
from simulate.scenario.models import json_schema
from simulate.scenario.survival_tests import LogrankTest
from simulate.scenario.toml_lines import line_numbers

ROOT = Path(__file__).parents[2]
SHIPPED = sorted([*(ROOT / "scenarios").glob("*.toml"), *(ROOT / "benchmarks").glob("*.toml")])

TEXT = """\
schema_version = 1
title = "Small"
purpose = "To test loading."
[arms.new.pfs]
relative_to = "control"
hazard_ratio = 0.55
[arms.control.pfs]
distribution = "exponential"
median_months = 12
[accrual]
patients = 160
arrivals = "poisson"
rates_per_month = [{ from_month = 0, rate = 4 }, { from_month = 6, rate = 8 }]
[analyses.final]
trigger = { calendar_months = 30 }
[hypotheses.pfs]
endpoint = "pfs"
arms = { experimental = "new", control = "control" }
test = { kind = "logrank" }
alpha = 0.025
[simulation]
trials = 1000
seed = 1
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(TEXT)
    return path


RATES = "rates_per_month = [{ from_month = 0, rate = 4 }, { from_month = 6, rate = 8 }]"


def _problems(file: Path, *overrides: str) -> list[str]:
    """The messages, without the folder of the file."""
    with pytest.raises(ScenarioError) as caught:
        load_scenario(file, overrides)
    return str(caught.value).replace(f"{file.parent}/", "").splitlines()


def _dict_problems(data: Any) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        scenario_from_dict(data)
    return str(caught.value).splitlines()


def _data(**tables: Any) -> dict[str, Any]:
    return tomllib.loads(TEXT) | tables


# What a scenario holds


def test_omissions_are_filled(file: Path) -> None:
    scenario = load_scenario(file)
    assert scenario.randomisation.ratio == {"new": 1, "control": 1}
    assert scenario.randomisation.block_size == 4
    assert scenario.randomisation.within_strata is False
    assert scenario.hypotheses["pfs"].analyses == ("final",)
    assert scenario.hypotheses["pfs"].test.estimate == "cox_efron"
    assert scenario.hypotheses["pfs"].test.stratified is False
    test = scenario.hypotheses["pfs"].test
    assert isinstance(test, LogrankTest)
    assert test.null_hazard_ratio == 1.0
    assert scenario.stopping.rejected == "all"
    assert scenario.stopping.hypotheses == ("pfs",)
    assert scenario.follow_up is None
    assert scenario.strata == {}
    assert scenario.accrual.steps == ((0.0, 4.0), (6.0, 8.0))
    assert scenario.arms["new"].dropout is None


def test_ratio_takes_the_order_of_the_arms(file: Path) -> None:
    scenario = load_scenario(file, ["randomisation.ratio={ control = 1, new = 2 }"])
    assert list(scenario.randomisation.ratio.items()) == [("new", 2), ("control", 1)]
    assert scenario.randomisation.block_size == 6


def test_blocks_are_within_strata_where_there_are_strata() -> None:
    strata = {"risk": {"high": 0.25, "low": 0.75, "source": "Assumed."}}
    scenario = scenario_from_dict(_data(strata=strata))
    assert scenario.randomisation.within_strata is True
    assert scenario.strata["risk"].prevalences == {"high": 0.25, "low": 0.75}
    assert scenario.strata["risk"].source == "Assumed."
    off = scenario_from_dict(_data(strata=strata, randomisation={"within_strata": False}))
    assert off.randomisation.within_strata is False


def test_whole_numbers_serve_as_figures(file: Path) -> None:
    pfs = load_scenario(file).arms["control"].pfs
    figure = getattr(pfs, "median_months")  # noqa: B009  (a union, not all of which has it)
    assert figure == 12.0
    assert type(figure) is float


def test_scenarios_cannot_be_changed(file: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_scenario(file).simulation.seed = 2  # type: ignore[misc]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_scenario_loads_and_survives_a_round_trip(path: Path) -> None:
    assert path.read_text().startswith("#:schema ../docs/scenario-schema-v1.json\n")
    scenario = load_scenario(path)
    assert scenario_from_dict(scenario.model_dump()) == scenario
    assert scenario_from_dict(json.loads(scenario.model_dump_json())) == scenario


def test_shipped_scenarios_are_all_there() -> None:
    assert [path.stem for path in SHIPPED] == [
        "p2",
        "w1",
        "w2",
        "w3",
        "belzutifan-open-label",
        "belzutifan-vs-investigators-choice",
        "belzutifan-vs-radioligand",
        "belzutifan-vs-sunitinib-calibrated",
        "belzutifan-vs-sunitinib-control-accrual",
        "belzutifan-vs-sunitinib-hazard-ratios",
        "belzutifan-vs-sunitinib-non-proportional",
        "belzutifan-vs-sunitinib-null",
        "belzutifan-vs-sunitinib-os-response",
        "belzutifan-vs-sunitinib",
        "litespark-015-replicate",
        "phase-2-outside-controls",
        "placebo-2to1-os",
        "placebo-2to1",
    ]


@pytest.mark.parametrize("path", SHIPPED[4:], ids=lambda path: path.stem)
def test_shipped_assumptions_say_where_they_come_from(path: Path) -> None:
    scenario = load_scenario(path)
    tables = [scenario.accrual, *scenario.strata.values()]
    for arm in scenario.arms.values():
        # Rates of binary endpoints alone are of all patients, whoever drops out.
        assert arm.dropout is not None or arm.endpoints == ()
        given = (arm.pfs, arm.os, arm.response, arm.states, arm.dropout, *arm.binary.values())
        tables += [table for table in given if table is not None]
    assert all(table.status and table.source for table in tables)


def test_null_scenario_is_the_base_case_without_effect() -> None:
    base, null = (
        load_scenario(ROOT / "scenarios" / f"belzutifan-vs-sunitinib{suffix}.toml").model_dump(
            exclude={"title", "purpose"}
        )
        for suffix in ("", "-null")
    )
    effect = null["arms"]["belzutifan"]["pfs"]
    assert effect["hazard_ratio"] == 1.0
    effect.update(base["arms"]["belzutifan"]["pfs"])
    assert null == base


def test_tables_of_python_may_hold_numpy_numbers_and_none() -> None:
    accrual = {"patients": np.int64(50), "arrivals": "poisson", "rate_per_month": np.float64(2)}
    scenario = scenario_from_dict(_data(accrual=accrual, follow_up=None))
    assert scenario.accrual.patients == 50
    values = _data(
        analyses={
            "a": {"trigger": {"calendar_months": 9}},
            "b": {"trigger": {"calendar_months": 20}},
        }
    )
    values["hypotheses"]["pfs"] |= {
        "alpha": None,
        "critical_values": np.array([2.9, 2.0]),
        "analyses": ("a", "b"),
    }
    assert scenario_from_dict(values).hypotheses["pfs"].critical_values == (2.9, 2.0)


def test_the_data_given_is_left_as_it_was() -> None:
    data = _data()
    before = copy.deepcopy(data)
    scenario_from_dict(data)
    assert data == before


# Overrides


def test_overrides_replace_add_and_reach_into_arrays(file: Path) -> None:
    scenario = load_scenario(
        file,
        [
            "accrual.patients=200",
            "accrual.rates_per_month.1.rate = 9.5",
            "follow_up.maximum_months=18",
            "title=Another title",
            'purpose="in quotes"',
            "accrual.patients=210",
        ],
    )
    assert scenario.accrual.patients == 210
    assert scenario.accrual.steps == ((0.0, 4.0), (6.0, 9.5))
    assert scenario.follow_up is not None
    assert scenario.follow_up.maximum_months == 18.0
    assert (scenario.title, scenario.purpose) == ("Another title", "in quotes")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("accrual.patients=1", "accrual.patients: must be at least 2 (given: 1)"),
        ("accrual.patients=many", 'accrual.patients: must be a whole number (given: "many")'),
        (
            "arms.control.pfs.rate_per_month=0.05",
            "arms.control.pfs: must have exactly one of 'rate_per_month', 'median_months', "
            "'survival' (given: rate_per_month and median_months)",
        ),
        (
            "accrual.patient=3",
            "accrual.patient: unknown key (given: 3); known keys: status, source, patients, "
            "arrivals, rate_per_month, rates_per_month",
        ),
        (
            "follow_up={}",
            "follow_up.maximum_months: required key is missing; months from randomisation after "
            "which a patient is not followed any more",
        ),
        (
            "accrual.patients.more=3",
            "accrual.patients: is not a table: nothing named 'more' can be set in it",
        ),
        (
            "accrual.rates_per_month.2.rate=3",
            "accrual.rates_per_month: has no element 2; it has 2, counted from 0",
        ),
        (
            "accrual.rates_per_month.-1.rate=3",
            "accrual.rates_per_month: has no element -1; it has 2, counted from 0",
        ),
        ("accrual.patients", "must be path=value, such as accrual.patients=200"),
        ("=3", "must be path=value, such as accrual.patients=200"),
        ("a..b=3", "must be path=value, such as accrual.patients=200"),
    ],
)
def test_problem_of_an_override_names_it(file: Path, override: str, message: str) -> None:
    assert _problems(file, override) == [f"--set {override}: {message}"]


def test_a_problem_of_the_file_keeps_its_line_beside_overrides(file: Path) -> None:
    file.write_text(TEXT.replace("trials = 1000", "trials = 0"))
    assert _problems(file, "accrual.patients=x") == [
        "small.toml:22: simulation.trials: must be at least 1 (given: 0)",
        '--set accrual.patients=x: accrual.patients: must be a whole number (given: "x")',
    ]


def test_an_override_repairs_the_file(file: Path) -> None:
    file.write_text(TEXT.replace("trials = 1000", "trials = 0"))
    assert load_scenario(file, ["simulation.trials=7"]).simulation.trials == 7


def test_an_override_with_line_ends_sets_one_value(file: Path) -> None:
    assert load_scenario(file, ["title=1\npurpose = 2"]).title == "1\npurpose = 2"


def test_text_from_a_command_line_in_no_utf8(file: Path) -> None:
    assert _problems(file, "title=\udcff") == [
        '--set title=\\udcff: title: must be valid Unicode text (given: "\\udcff")'
    ]


# Places of problems


def test_problems_come_in_the_order_of_the_file_and_all_at_once(file: Path) -> None:
    text = TEXT.replace("alpha = ", "alfa = ").replace("patients = 160", "patients = true")
    file.write_text(text.replace('control = "control" }', 'control = "kontrol" }'))
    assert _problems(file) == [
        "small.toml:11: accrual.patients: must be a whole number (given: true)",
        "small.toml:18: hypotheses.pfs.arms.control: must name an arm of this scenario "
        "('new', 'control') (given: \"kontrol\"); did you mean 'control'?",
        "small.toml:20: hypotheses.pfs.alfa: unknown key (given: 0.025); did you mean 'alpha'?",
    ]


def test_a_broken_arm_is_no_second_problem_where_it_is_named(file: Path) -> None:
    file.write_text(TEXT.replace("median_months = 12", 'median_months = "12"'))
    assert _problems(file) == [
        'small.toml:9: arms.control.pfs.median_months: must be a number (given: "12")'
    ]


def test_a_misspelt_table_is_one_problem(file: Path) -> None:
    file.write_text(TEXT.replace("[hypotheses.pfs]", "[hypothesis.pfs]"))
    (problem,) = _problems(file)
    assert problem.startswith("small.toml:16: hypothesis: unknown key")
    assert problem.endswith("did you mean 'hypotheses'?")


def test_one_misspelt_header_of_several_is_one_problem(file: Path) -> None:
    dropout = '[arm.new.dropout]\ndistribution = "exponential"\nrate_per_month = -1\n'
    file.write_text(TEXT.replace("[arms.control.pfs]", dropout + "[arm.control.pfs]"))
    unknown, rate = _problems(file)
    assert unknown.startswith("small.toml:7: arm: unknown key")
    assert unknown.endswith("did you mean 'arms'?")
    assert rate == (
        "small.toml:9: arm.new.dropout.rate_per_month: must be greater than 0 (given: -1)"
    )


def test_no_key_that_is_there_already_is_offered(file: Path) -> None:
    file.write_text(TEXT.replace("seed = 1", "seed = 1\nsed = 2"))
    assert _problems(file) == [
        "small.toml:24: simulation.sed: unknown key (given: 2); known keys: trials, seed, members"
    ]


def test_a_key_nearest_to_one_that_is_there_is_not_taken_for_another(file: Path) -> None:
    file.write_text(TEXT.replace(RATES, "rate_per_month = 4"))
    (problem,) = _problems(file, "accrual.rate_per_moth=4")
    assert problem == (
        "--set accrual.rate_per_moth=4: accrual.rate_per_moth: unknown key (given: 4); "
        "known keys: status, source, patients, arrivals, rate_per_month, rates_per_month"
    )


def test_two_misspelt_keys_of_a_relative_arm(file: Path) -> None:
    text = TEXT.replace("relative_to =", "relativ_to =").replace("hazard_ratio =", "hazrd_ratio =")
    file.write_text(text)
    assert [problem.split(" (given")[0] for problem in _problems(file)] == [
        "small.toml:5: arms.new.pfs.relativ_to: unknown key",
        "small.toml:6: arms.new.pfs.hazrd_ratio: unknown key",
    ]


def test_a_misspelt_key_is_still_checked(file: Path) -> None:
    file.write_text(TEXT.replace("alpha = 0.025", "alfa = 0.9"))
    assert _problems(file) == [
        "small.toml:20: hypotheses.pfs.alfa: unknown key (given: 0.9); did you mean 'alpha'?",
        "small.toml:20: hypotheses.pfs.alfa: must be less than 0.5 (given: 0.9)",
    ]


def test_a_missing_key_has_the_line_of_its_table(file: Path) -> None:
    file.write_text(TEXT.replace("seed = 1\n", ""))
    assert _problems(file) == [
        "small.toml:21: simulation.seed: required key is missing; seed of the random numbers"
    ]


def test_problems_of_a_dict_have_no_place() -> None:
    data = _data()
    data["simulation"]["trials"] = 0
    assert _dict_problems(data) == ["simulation.trials: must be at least 1 (given: 0)"]


def test_long_values_are_cut(file: Path) -> None:
    (problem,) = _problems(file, "accrual.patients=" + "x" * 500)
    assert 'given: "xxxx' in problem.split(": accrual.patients: ")[1]
    assert len(problem.split(": accrual.patients: ")[1]) < 120


# Files that are no scenario


def test_missing_file(tmp_path: Path) -> None:
    assert _problems(tmp_path / "no.toml") == ["no.toml: there is no such file"]


def test_folder(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="is a folder, not a scenario file"):
        load_scenario(tmp_path)


def test_path_that_no_system_can_open() -> None:
    with pytest.raises(ScenarioError, match="cannot be read"):
        load_scenario("a\0b.toml")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a = 1\n\nb = '\xff'\n", "x.toml:3: must be UTF-8 text; save it as UTF-8"),
        (
            b"\xef\xbb\xbfa = 1\n",
            "x.toml:1: must not begin with a byte order mark; save it as UTF-8 without a byte "
            "order mark",
        ),
        (b"#" * (1024 * 1024 + 1), "x.toml: must be at most 1 MiB: it is no scenario file"),
        (b"a = 1\nb =\n", "x.toml:2: must be valid TOML: Invalid value"),
        (b"a = 1\na = 2\n", "x.toml:2: must be valid TOML: Cannot overwrite a value"),
        (b"a = 1\nb = [1,\n", "x.toml:2: must be valid TOML: Invalid value"),
        (b"a = " + b"[" * 5000, "x.toml: must not be nested so deeply"),
        (b"a." * 100 + b"b = 1", "x.toml:1: a.a.a: must not be nested deeper than 40 levels"),
        (b"a = " + b"9" * 5000, "x.toml:1: must be valid TOML: a number has too many digits"),
    ],
)
def test_text_that_is_no_scenario(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "x.toml"
    file.write_bytes(content)
    assert _problems(file) == [message]


def test_integers_that_python_cannot_print(file: Path) -> None:
    file.write_text(TEXT.replace("patients = 160", "patients = 0x1" + "0" * 6000))
    assert _problems(file) == [
        "small.toml:11: accrual.patients: must be at most 1000000 (given: an integer of 24001 bits)"
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (3, "must be a mapping of tables (given: 3)"),
        ({1: 2}, "must have text as its keys (given: 1)"),
        ({"arms": {None: 2}}, "arms: must have text as its keys (given: a NoneType)"),
    ],
)
def test_python_data_that_is_no_scenario(data: Any, message: str) -> None:
    assert _dict_problems(data) == [message]


def test_data_that_contains_itself() -> None:
    data: dict[str, Any] = _data()
    data["arms"]["new"]["arms"] = data
    assert "must not be nested deeper than 40 levels" in _dict_problems(data)[0]


# The schema


def test_json_schema_file_is_current() -> None:
    text = (ROOT / "docs" / "scenario-schema-v1.json").read_text()
    assert text == json.dumps(json_schema(), indent=2) + "\n"


def test_json_schema_describes_every_key_and_no_null() -> None:
    schema = json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert '"null"' not in json.dumps(schema)
    definitions = schema["$defs"]
    for table in (schema, *definitions.values()):
        for name, key in table["properties"].items():
            # A reference to a table may leave the description to the table.
            told = key if "description" in key else definitions[key["$ref"].split("/")[-1]]
            assert told["description"], f"{table['title']}.{name}"


def test_json_schema_asks_for_what_the_loader_asks_for() -> None:
    schema = json_schema()
    required = {
        "schema_version",
        "title",
        "purpose",
        "arms",
        "accrual",
        "analyses",
        "simulation",
    }
    assert set(schema["required"]) == required
    assert {path for path, _ in line_numbers(TEXT).items() if len(path) == 1} == {
        (name,) for name in (*required, "hypotheses")
    }
    definitions = schema["$defs"]
    assert definitions["Hypothesis"]["required"] == ["endpoint", "arms", "test"]
    assert definitions["Hypothesis"]["oneOf"] == [
        {"required": ["alpha"]},
        {"required": ["critical_values"]},
    ]
    assert "required" not in definitions["Randomisation"]
    assert definitions["Factor"]["additionalProperties"]["type"] == "number"
    assert set(definitions["Factor"]["properties"]) == {"status", "source"}
