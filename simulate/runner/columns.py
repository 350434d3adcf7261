"""The rows of a block of trials as a Parquet file, and back.

The same statistics give the same bytes with one version of pyarrow: no clock, no host, a fixed
order of rows, one row group.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from simulate.engine.statistics import Statistics

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

METADATA_KEY = b"simulate"
INTEGERS = {
    "trial": np.int64,
    "analysis": np.int16,
    "hypothesis": np.int16,
    "status": np.uint8,
    "patients_experimental": np.int32,
    "patients_control": np.int32,
    "events_experimental": np.int32,
    "events_control": np.int32,
    "dropouts_experimental": np.int32,
    "dropouts_control": np.int32,
}
REALS = ("cutoff", "score", "information", "z", "estimate", "se", "lower", "upper")


def encode_rows(
    statistics: Statistics,
    first_trial: int,
    numbers: tuple[tuple[int, int], ...],
    header: dict[str, Any],
) -> bytes:
    """Rows of a block as a Parquet file.

    Parameters
    ----------
    statistics : Statistics
        Arrays of shape (n_trials, n_rows).
    first_trial : int
        Number of the first trial.
    numbers : tuple of (int, int)
        Numbers of the analysis and the hypothesis of each of the ``n_rows`` rows.
    header : dict
        Kept in the file as JSON, under the key ``simulate``, with ``trials``: first, last plus one.

    Returns
    -------
    bytes
        One row a (trial, analysis, hypothesis), in this order; undefined values are null.
    """
    import pyarrow as pa  # noqa: PLC0415 - only runs with a folder need it

    n_trials, n_rows = statistics.status.shape
    analyses, hypotheses = np.array(numbers).reshape(n_rows, 2).T
    columns: dict[str, NDArray[Any]] = {
        "trial": np.repeat(np.arange(first_trial, first_trial + n_trials), n_rows),
        "analysis": np.tile(analyses, n_trials),
        "hypothesis": np.tile(hypotheses, n_trials),
    }
    columns |= {name: getattr(statistics, name).reshape(-1) for name in Statistics._fields}
    arrays = {
        name: pa.array(columns[name].astype(kind), from_pandas=True)
        for name, kind in {**INTEGERS, **dict.fromkeys(REALS, np.float64)}.items()
    }
    trials = [first_trial, first_trial + n_trials]
    return encode_table(pa.table(arrays), header | {"trials": trials})


def decode_rows(data: bytes, n_rows: int) -> Statistics:
    """Statistics of a block from its Parquet file, arrays of shape (n_trials, ``n_rows``)."""
    table = decode_table(data)
    found: dict[str, NDArray[Any]] = {}
    for name in Statistics._fields:
        values = table.column(name).to_numpy()
        found[name] = values.astype(INTEGERS.get(name, np.float64)).reshape(-1, n_rows)
    return Statistics(**found)


def encode_table(table: pa.Table, header: dict[str, Any]) -> bytes:
    """A table as a Parquet file with ``header`` in its metadata."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    encodings = {
        field.name: "BYTE_STREAM_SPLIT" if field.type == pa.float64() else "DELTA_BINARY_PACKED"
        for field in table.schema
        if field.type in {pa.float64(), pa.int64(), pa.int32()}
    }
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(
        sink,
        table.schema,
        compression="zstd",
        compression_level=3,
        use_dictionary=False,
        column_encoding=encodings,
        write_statistics=False,
        store_schema=False,
    ) as writer:
        writer.write_table(table, row_group_size=max(len(table), 1))
        writer.add_key_value_metadata({METADATA_KEY: json.dumps(header, sort_keys=True)})
    return bytes(sink.getvalue().to_pybytes())


def decode_table(data: bytes) -> pa.Table:
    """Table of a Parquet file."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    return pq.read_table(pa.BufferReader(data), use_threads=False)


def read_header(data: bytes) -> dict[str, Any] | None:
    """Header of a Parquet file that `encode_table` wrote; None if it is no such file."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        metadata = pq.read_metadata(pa.BufferReader(data)).metadata or {}
        header = json.loads(metadata.get(METADATA_KEY, b"null"))
    except (pa.ArrowException, OSError, ValueError):
        return None
    return header if isinstance(header, dict) else None
