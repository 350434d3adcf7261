"""Rows of a block as a Parquet file, and back."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from twins.feature_scenarios import FEATURES, feature_scenario

from simulate.engine.statistics import Statistics
from simulate.runner.columns import (
    decode_rows,
    decode_table,
    encode_rows,
    encode_table,
    read_header,
)
from simulate.runner.execute import Block, simulate_block
from simulate.runner.manifest import new_manifest
from simulate.runner.pack import pack

HEADER = {"seed": 5, "keep": "rows"}
TYPES = {
    "trial": pa.int64(),
    "analysis": pa.int16(),
    "hypothesis": pa.int16(),
    "status": pa.uint8(),
    "patients_experimental": pa.int32(),
    "patients_control": pa.int32(),
    "events_experimental": pa.int32(),
    "events_control": pa.int32(),
    "dropouts_experimental": pa.int32(),
    "dropouts_control": pa.int32(),
    "cutoff": pa.float64(),
    "score": pa.float64(),
    "information": pa.float64(),
    "z": pa.float64(),
    "estimate": pa.float64(),
    "se": pa.float64(),
    "lower": pa.float64(),
    "upper": pa.float64(),
}


def simulated(name: str, block: Block) -> tuple[Statistics, tuple[tuple[int, int], ...]]:
    scenario = feature_scenario(name)
    numbers = new_manifest(scenario, 20_000, "rows").numbers
    return simulate_block(pack(scenario), 5, block), numbers


def assert_same(one: Statistics, other: Statistics) -> None:
    for name in Statistics._fields:
        first, second = getattr(one, name), getattr(other, name)
        assert (first.dtype, first.shape) == (second.dtype, second.shape), name
        if first.dtype == np.float64:
            undefined = np.isnan(first)
            np.testing.assert_array_equal(undefined, np.isnan(second), err_msg=name)
            first, second = first[~undefined], second[~undefined]
        # Bits, so that signs of zeros count.
        assert first.tobytes() == second.tobytes(), name


@pytest.mark.parametrize("name", FEATURES)
def test_rows_come_back_bit_for_bit(name: str) -> None:
    statistics, numbers = simulated(name, Block(40_000, 40_300))
    data = encode_rows(statistics, 40_000, numbers, HEADER)
    assert_same(decode_rows(data, len(numbers)), statistics)
    assert encode_rows(statistics, 40_000, numbers, HEADER) == data


@pytest.mark.parametrize("n_trials", [1, 2])
def test_short_blocks_come_back(n_trials: int) -> None:
    statistics, numbers = simulated("three arms", Block(7, 7 + n_trials))
    data = encode_rows(statistics, 7, numbers, HEADER)
    assert_same(decode_rows(data, len(numbers)), statistics)


def test_special_values_come_back() -> None:
    statistics, numbers = simulated("plain", Block(0, 5))
    odd = np.array([-0.0, np.inf, -np.inf, np.nan, 5e-324]).reshape(5, 1)
    statistics = statistics._replace(estimate=odd, z=-odd)
    assert_same(decode_rows(encode_rows(statistics, 0, numbers, HEADER), 1), statistics)


def test_columns_types_and_order_of_rows() -> None:
    first, n_trials = 20_000, 300
    statistics, numbers = simulated("hardly any patients", Block(first, first + n_trials))
    table = decode_table(encode_rows(statistics, first, numbers, HEADER))
    assert {field.name: field.type for field in table.schema} == TYPES
    assert table.column_names == list(TYPES)
    rows = list(zip(*(table.column(name).to_pylist() for name in list(TYPES)[:3]), strict=True))
    assert rows == [
        (trial, *number) for trial in range(first, first + n_trials) for number in numbers
    ]
    for name in Statistics._fields:
        values = getattr(statistics, name)
        column = table.column(name)
        n_undefined = np.isnan(values).sum() if values.dtype == np.float64 else 0
        assert column.null_count == n_undefined, name
    assert table.column("z").null_count > 0
    assert table.column("estimate").null_count > 0
    # Infinite is a value.
    assert np.isinf(statistics.estimate).sum() == sum(
        value is not None and abs(value) == np.inf for value in table.column("estimate").to_pylist()
    )


def test_a_file_says_whose_and_which_trials_it_holds() -> None:
    statistics, numbers = simulated("plain", Block(40_000, 40_030))
    data = encode_rows(statistics, 40_000, numbers, HEADER)
    assert read_header(data) == HEADER | {"trials": [40_000, 40_030]}
    metadata = pq.read_metadata(pa.BufferReader(data))
    assert metadata.num_row_groups == 1
    assert metadata.metadata.keys() == {b"simulate"}


def test_the_order_of_the_header_does_not_matter() -> None:
    table = pa.table({"a": [1.0]})
    one = encode_table(table, {"a": 1, "b": 2})
    assert one == encode_table(table, {"b": 2, "a": 1})
    assert one != encode_table(table, {"a": 1, "b": 3})


def test_an_empty_table_comes_back() -> None:
    table = pa.table({"a": pa.array([], pa.float64())})
    assert decode_table(encode_table(table, {})).equals(table)


def parquet(metadata: dict[bytes, bytes]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"a": [1]}).replace_schema_metadata(metadata), sink)
    return bytes(sink.getvalue().to_pybytes())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PAR1",
        b"PAR1" + bytes(100) + b"PAR1",
        parquet({}),
        parquet({b"simulate": b"no JSON"}),
        parquet({b"simulate": b"[1]"}),
        parquet({b"simulate": b"\xff"}),
    ],
)
def test_other_files_have_no_header(data: bytes) -> None:
    assert read_header(data) is None
