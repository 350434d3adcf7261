"""Philox, its addresses and the uniforms, against Python's own integers."""

import itertools
import re
from types import ModuleType

import numpy as np
import pytest
from twins.slow_random import PURPOSES, Words, address, philox, whole_number, words_at
from twins.slow_random import wide_uniform as slow_wide_uniform
from twins.slow_random import word_uniform as slow_word_uniform

from simulate.engine import philox as engine

LAST = 2**32 - 1
# The known answers published with the generator: zeros, ones, and digits of pi.
KNOWN_ANSWERS = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0"),
]
ANSWERS = [
    "6627e8d5 e169c58d bc57ac4c 9b00dbd8",
    "408f276d 41c83b0e a20bc7c6 6d5451fd",
    "d16cfe09 94fdcceb 5001e420 24126ea1",
]
TRIALS = [0, 1, 7, 2**32 - 1, 2**32, 2**32 + 1, 10**10]
SEEDS = [0, 1, 2**32 - 1, 2**32, 2**63 - 1]


def words_of(text: str) -> tuple[int, ...]:
    return tuple(int(word, 16) for word in text.split())


def engine_philox(counter: tuple[int, ...], key: tuple[int, ...]) -> Words:
    w0, w1, w2, w3 = engine.philox4x32(*(np.uint64(word) for word in (*counter, *key)))
    return int(w0), int(w1), int(w2), int(w3)


@pytest.mark.parametrize(("given", "answer"), list(zip(KNOWN_ANSWERS, ANSWERS, strict=True)))
def test_philox_known_answers(given: tuple[str, str], answer: str) -> None:
    counter, key = (words_of(text) for text in given)
    assert engine_philox(counter, key) == words_of(answer)
    c0, c1, c2, c3 = counter
    assert philox((c0, c1, c2, c3), (key[0], key[1])) == words_of(answer)


def test_philox_is_that_of_the_slow_twin() -> None:
    draws = np.random.default_rng(5).integers(0, 2**32, size=(300, 6))
    for c0, c1, c2, c3, k0, k1 in draws.tolist():
        assert engine_philox((c0, c1, c2, c3), (k0, k1)) == philox((c0, c1, c2, c3), (k0, k1))


@pytest.mark.parametrize(
    ("low", "high"), [(0, 0), (LAST, LAST), (0, LAST), (LAST, 0), (4095, 0), (4096, 0)]
)
def test_wide_uniforms_at_the_ends(low: int, high: int) -> None:
    uniform = float(engine.uniform_52(np.uint64(low), np.uint64(high)))
    assert uniform == slow_wide_uniform(low, high)
    assert 2.0**-53 <= uniform <= 1.0 - 2.0**-53


@pytest.mark.parametrize("word", [0, 1, 2**31 - 1, 2**31, LAST - 1, LAST])
def test_word_uniforms_at_the_ends(word: int) -> None:
    uniform = float(engine.uniform_32(np.uint64(word)))
    assert uniform == slow_word_uniform(word)
    assert 2.0**-33 <= uniform <= 1.0 - 2.0**-33


def test_uniforms_are_those_of_the_slow_twin() -> None:
    for low, high in np.random.default_rng(6).integers(0, 2**32, size=(300, 2)).tolist():
        assert engine.uniform_52(np.uint64(low), np.uint64(high)) == slow_wide_uniform(low, high)
        assert engine.uniform_32(np.uint64(low)) == slow_word_uniform(low)


def core_draws(seed: int, trial: int, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    event, entry, dropout = np.zeros(n), np.zeros(n), np.zeros(n)
    engine.draw_core(np.uint64(seed), np.uint64(trial), 1, n, event, entry, dropout)
    return event, entry, dropout


def stratum_draws(seed: int, trial: int, n: int) -> np.ndarray:
    out = np.zeros(n)
    address = np.uint64(engine.PURPOSE_STRATUM) << engine.SHIFT_8
    engine.draw_uniform(np.uint64(seed), np.uint64(trial), 1, address, n, out)
    return out


def arrangement_draws(
    seed: int, trial: int, stratum: int, n_blocks: int, n_choices: int
) -> np.ndarray:
    out = np.zeros(n_blocks, dtype=np.int64)
    engine.draw_arrangements(np.uint64(seed), np.uint64(trial), stratum, n_blocks, n_choices, out)
    return out


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("trial", TRIALS)
def test_draws_are_at_their_addresses(seed: int, trial: int) -> None:
    event, entry, dropout = core_draws(seed, trial, 3)
    stratum = stratum_draws(seed, trial, 3)
    for patient in range(3):
        core = words_at(seed, patient, trial, "core")
        assert event[patient] == slow_wide_uniform(core[0], core[1])
        assert entry[patient] == slow_word_uniform(core[2])
        assert dropout[patient] == slow_word_uniform(core[3])
        words = words_at(seed, patient, trial, "stratum")
        assert stratum[patient] == slow_wide_uniform(words[0], words[1])
    for cell, n_choices in [(0, 6), (3, 2), (255, 200_000), (17, 2**31 - 1)]:
        picks = arrangement_draws(seed, trial, cell, 3, n_choices)
        for block in range(3):
            words = words_at(seed, block, trial, "randomisation", cell)
            assert picks[block] == whole_number(words[0], words[1], n_choices)


@pytest.mark.parametrize(
    ("draw", "n_columns"),
    [
        ("draw_core", 3),
        ("draw_uniform", 1),
        ("draw_response", 2),
        ("draw_pair", 2),
        ("draw_assessed", 2),
    ],
)
def test_several_trials_are_drawn_as_each_alone(draw: str, n_columns: int) -> None:
    n, n_trials, first = 11, 3, 2**32 - 2
    addresses = [np.uint64(77)] if draw in ("draw_uniform", "draw_pair") else []

    def drawn(trial: int, how_many: int) -> np.ndarray:
        columns = [np.full(how_many * n, np.nan) for _ in range(n_columns)]
        place = (np.uint64(9), np.uint64(trial), how_many)
        getattr(engine, draw)(*place, *addresses, n, *columns)
        return np.array(columns)

    alone = [drawn(first + t, 1) for t in range(n_trials)]
    np.testing.assert_array_equal(drawn(first, n_trials), np.concatenate(alone, axis=1))
    assert len(np.unique(alone)) == np.size(alone)


def test_no_two_draws_share_an_address() -> None:
    # Philox is one to one for a key, so different addresses mean different draws.
    patients = [0, 1, 255, 256, 999_999, LAST]
    places = list(itertools.product(patients, TRIALS, PURPOSES, [0, 1, 2, 128, 255]))
    addresses = [address(patient, trial, purpose, draw) for patient, trial, purpose, draw in places]
    assert len(set(addresses)) == len(places)
    assert all(0 <= word <= LAST for words in addresses for word in words)


def test_engine_repeats_no_draw() -> None:
    # 52 bits each: among 30,000 of them a repetition by chance has probability 1e-7.
    draws = [core_draws(3, trial, 2000)[0] for trial in TRIALS]
    draws += [stratum_draws(3, trial, 2000) for trial in TRIALS]
    together = np.concatenate(draws)
    assert len(np.unique(together)) == len(together)


def documented_purposes(module: ModuleType) -> dict[int, str]:
    rows = re.findall(r"^(\d+) +\S+ +(.+)$", module.__doc__ or "", flags=re.MULTILINE)
    return {int(number): words for number, words in rows}


def test_purposes_are_documented_and_fixed() -> None:
    # Numbers are never given anew: a change here changes every stored result.
    assert engine.STREAM_VERSION == 1
    numbers = {
        "core": engine.PURPOSE_CORE,
        "stratum": engine.PURPOSE_STRATUM,
        "randomisation": engine.PURPOSE_RANDOMISATION,
        "death": engine.PURPOSE_DEATH,
        "response": engine.PURPOSE_RESPONSE,
        "binary": engine.PURPOSE_BINARY,
        "visit": engine.PURPOSE_VISIT,
        "states": engine.PURPOSE_STATES,
        "assessed": engine.PURPOSE_ASSESSED,
        "investigator": engine.PURPOSE_INVESTIGATOR,
    }
    assert numbers == PURPOSES
    documented = documented_purposes(engine)
    assert set(documented) == set(numbers.values())
    assert "event" in documented[0]
    assert "stratum" in documented[1]
    assert "arrangement" in documented[2]
    assert "window" in documented[6]
