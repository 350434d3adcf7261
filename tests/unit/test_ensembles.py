"""Files of ensembles: what is written is read again, and what is no ensemble is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simulate.scenario.ensembles import Ensemble, encode_ensemble, read_ensemble

SHAPE = {"stable_to_progression": np.array([0.7, 1.0, 1.4])}
CUMULATIVE = {"stable_to_progression": np.array([0.3, 0.5, 0.2])}


def ensemble() -> Ensemble:
    return Ensemble(SHAPE, CUMULATIVE, {"progression_to_death": "reset"}, {"seed": 3})


def test_what_is_written_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    file.write_bytes(encode_ensemble(ensemble()))
    found = read_ensemble(file)
    assert len(found) == 3
    np.testing.assert_array_equal(found.shape["stable_to_progression"], [0.7, 1.0, 1.4])
    np.testing.assert_array_equal(found.cumulative_12["stable_to_progression"], [0.3, 0.5, 0.2])
    assert found.clocks == {"progression_to_death": "reset"}
    assert found.provenance == {"seed": 3}
    assert encode_ensemble(found) == file.read_bytes()


def test_what_is_no_ensemble_is_refused(tmp_path: Path) -> None:
    good = encode_ensemble(ensemble())
    plain = tmp_path / "plain.parquet"
    pq.write_table(pa.table({"x": [1.0]}), plain)
    cut, text = tmp_path / "cut.parquet", tmp_path / "text.parquet"
    cut.write_bytes(good[: len(good) // 2])
    text.write_text("not Parquet")
    for file in (plain, cut, text):
        with pytest.raises(ValueError, match="is no ensemble"):
            read_ensemble(file)
    with pytest.raises(ValueError, match="no such file"):
        read_ensemble(tmp_path / "nowhere.parquet")
    with pytest.raises(ValueError, match="cannot be read"):
        read_ensemble(tmp_path)


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_numbers_that_are_no_hazards_are_refused(tmp_path: Path, value: float) -> None:
    wrong = {"stable_to_progression": np.array([0.3, value, 0.2])}
    file = tmp_path / "a.parquet"
    file.write_bytes(encode_ensemble(Ensemble(SHAPE, wrong, {}, {})))
    with pytest.raises(ValueError, match="finite numbers above 0"):
        read_ensemble(file)
