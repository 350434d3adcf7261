"""The random numbers of a trial, one at a time, in Python's own integers and fractions.

The slow twin of the engine's draws: Philox4x32-10 written from the paper's description (Salmon et
al. 2011) with a loop over rounds and arbitrary precision, addresses spelt out, one dictionary of
purposes.
"""

from __future__ import annotations

from fractions import Fraction

WORD = 2**32
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
PURPOSES = {
    "core": 0,
    "stratum": 1,
    "randomisation": 2,
    "death": 3,
    "response": 4,
    "binary": 5,
    "visit": 6,
    "states": 7,
    "assessed": 8,
    "investigator": 9,
}

Words = tuple[int, int, int, int]


def philox(counter: Words, key: tuple[int, int], n_rounds: int = 10) -> Words:
    """Philox4x32: four words from a counter of four words and a key of two."""
    for number in range(n_rounds):
        keys = [(word + number * step) % WORD for word, step in zip(key, KEY_STEPS, strict=True)]
        high_0, low_0 = divmod(MULTIPLIERS[0] * counter[0], WORD)
        high_1, low_1 = divmod(MULTIPLIERS[1] * counter[2], WORD)
        counter = (high_1 ^ counter[1] ^ keys[0], low_1, high_0 ^ counter[3] ^ keys[1], low_0)
    return counter


def address(patient: int, trial: int, purpose: str, draw: int) -> Words:
    """Counter of one draw: patient, trial (low and high word), purpose and draw."""
    high, low = divmod(trial, WORD)
    return (patient, low, high, PURPOSES[purpose] * 256 + draw)


def words_at(seed: int, patient: int, trial: int, purpose: str, draw: int = 0) -> Words:
    """Four words of one draw."""
    high, low = divmod(seed, WORD)
    return philox(address(patient, trial, purpose, draw), (low, high))


def wide_uniform(low: int, high: int) -> float:
    """Middle of one of 2**52 equal intervals of (0, 1)."""
    interval = (high * WORD + low) // 2**12
    return float(Fraction(2 * interval + 1, 2**53))


def word_uniform(word: int) -> float:
    """Middle of one of 2**32 equal intervals of (0, 1)."""
    return float(Fraction(2 * word + 1, 2 * WORD))


def whole_number(low: int, high: int, n_choices: int) -> int:
    """One of 0 to ``n_choices - 1``, from 64 bits."""
    return int(Fraction(high * WORD + low, WORD**2) * n_choices)
