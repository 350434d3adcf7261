"""Files of ensembles: calibrated parameters of the multi-state model, with their provenance."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulate.scenario.states import MOST_MEMBERS, TRANSITIONS

METADATA_KEY = b"simulate-ensemble"
FORMAT_VERSION = 1
COLUMNS = ("shape", "cumulative_12")
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Equally likely parameter sets of the multi-state model, in no order.

    Attributes
    ----------
    shape, cumulative_12 : dict of str to array, each (n_members,)
        By transition, Weibull shape and cumulative hazard at 12 months.
    clocks : dict of str to str
        "reset" or "forward", of transitions out of response and progression.
    provenance : dict
        What it was made from: the evidence, its hash, seed, versions, how good the fit is.
    """

    shape: Mapping[str, FloatArray]
    cumulative_12: Mapping[str, FloatArray]
    clocks: Mapping[str, str]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of members."""
        return len(next(iter(self.shape.values())))

    def as_tables(self) -> dict[str, Any]:
        """The keys ``members`` and ``clocks`` of an arm's states, as plain values."""
        members = {
            name: {
                "shape": tuple(map(float, self.shape[name])),
                "cumulative_12": tuple(map(float, self.cumulative_12[name])),
            }
            for name in self.shape
        }
        return {"members": members, "clocks": dict(self.clocks)}


def encode_ensemble(ensemble: Ensemble) -> bytes:
    """An ensemble as a Parquet file; the same ensemble gives the same bytes."""
    import pyarrow as pa  # noqa: PLC0415 - heavy, and few runs need it
    import pyarrow.parquet as pq  # noqa: PLC0415

    columns = {
        f"{name}.{column}": np.asarray(getattr(ensemble, column)[name], dtype=np.float64)
        for name in TRANSITIONS
        if name in ensemble.shape
        for column in COLUMNS
    }
    header = {
        "format_version": FORMAT_VERSION,
        "clocks": dict(ensemble.clocks),
        "provenance": dict(ensemble.provenance),
    }
    text = json.dumps(header, sort_keys=True, allow_nan=False)
    table = pa.table(columns).replace_schema_metadata({METADATA_KEY: text.encode()})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", use_dictionary=False, write_statistics=False)
    return bytes(sink.getvalue().to_pybytes())


def read_ensemble(path: str | os.PathLike[str]) -> Ensemble:
    """Read the file of an ensemble.

    Raises
    ------
    ValueError
        If there is no such file, or it is no ensemble; the message says what is wrong.
    """
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise ValueError("there is no such file") from None
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror})") from None
    try:
        table = pq.read_table(pa.BufferReader(data), use_threads=False)
        header = json.loads((table.schema.metadata or {}).get(METADATA_KEY, b"null"))
    except (pa.ArrowException, OSError, ValueError):
        raise ValueError("is no ensemble, or is truncated or altered") from None
    if not isinstance(header, dict) or header.get("format_version") != FORMAT_VERSION:
        raise ValueError("is no ensemble of this version")
    shape, cumulative = (
        {
            name: np.asarray(table.column(f"{name}.{column}").to_numpy(), dtype=np.float64)
            for name in TRANSITIONS
            if f"{name}.{column}" in table.column_names
        }
        for column in COLUMNS
    )
    _check(shape, cumulative)
    return Ensemble(shape, cumulative, header["clocks"], header["provenance"])


def _check(shape: Mapping[str, FloatArray], cumulative: Mapping[str, FloatArray]) -> None:
    """Refuse columns that are no parameters."""
    if not shape or shape.keys() != cumulative.keys():
        raise ValueError("must have the columns shape and cumulative_12 of each transition")
    values = [*shape.values(), *cumulative.values()]
    if not 1 <= len(values[0]) <= MOST_MEMBERS:
        raise ValueError(f"must have 1 to {MOST_MEMBERS:,} members, not {len(values[0]):,}")
    if not all(np.isfinite(column).all() and (column > 0.0).all() for column in values):
        raise ValueError("must hold finite numbers above 0 only")
