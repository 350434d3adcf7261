"""Counter-based random numbers: Philox4x32-10.

Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011. A draw is a
pure function of a 64-bit key, the seed, and a 128-bit counter, its address: patient, trial (two
words), purpose and draw. Nothing is remembered between draws, so any trial can be made alone. The
functions below draw for ``n_trials`` trials from number ``trial`` on, of ``n`` patients each; their
arrays hold trial after trial.

Purposes, only ever appended to:

====== ====================== ==================================================================
number draw                   words
====== ====================== ==================================================================
0      0                      0 and 1: first event (52 bits); 2: entry; 3: dropout (32 bits each)
1      0                      0 and 1: stratum (52 bits)
2      stratum                0 and 1: which arrangement a permuted block takes (64 bits); the
                              patient word is the number of the block within the stratum
3      0                      0 and 1: overall survival, where it is not the first event (52 bits)
4      0                      0 and 1: response (52 bits); 2: time to response (32 bits)
5      number of the endpoint 0 and 1: a binary endpoint beside response (52 bits)
6      visit                  0: window; 1: whether it is missed (32 bits each); bits of the visit's
                              number from the ninth on stand above the purpose, from bit 16 on
7      0                      0 and 1: stable to response; 2 and 3: stable to death (52 bits each)
7      1                      0 and 1: response to progression; 2 and 3: response to death (52 bits)
7      2                      0 and 1: progression to death; 2 and 3: discontinuation (52 bits)
8      0                      0: shift of all visits; 1: whether the patient is not evaluable (32
                              bits each)
9      0                      0 and 1: whether the investigator calls progression early or late; 2
                              and 3: whether a response is missed or added (52 bits each)
====== ====================== ==================================================================
"""

from __future__ import annotations

import numpy as np

from simulate.engine.arrays import FloatArray, IntArray
from simulate.engine.compile import inlined_kernel, kernel
from simulate.engine.elementary import ONE_BITS, TWO_52, TWO_52_BITS

STREAM_VERSION = 1
PURPOSE_CORE = 0
PURPOSE_STRATUM = 1
PURPOSE_RANDOMISATION = 2
PURPOSE_DEATH = 3
PURPOSE_RESPONSE = 4
PURPOSE_BINARY = 5
PURPOSE_VISIT = 6
PURPOSE_STATES = 7
PURPOSE_ASSESSED = 8
PURPOSE_INVESTIGATOR = 9

MULTIPLIER_0 = np.uint64(0xD2511F53)
MULTIPLIER_1 = np.uint64(0xCD9E8D57)
WEYL_0 = np.uint64(0x9E3779B9)
WEYL_1 = np.uint64(0xBB67AE85)
MASK = np.uint64(0xFFFFFFFF)
SHIFT_32 = np.uint64(32)
SHIFT_12 = np.uint64(12)
SHIFT_8 = np.uint64(8)
ONE_LESS_HALF_STEP = 1.0 - 2.0**-53
TWO_52_LESS_HALF = TWO_52 - 0.5
TWO_TO_MINUS_32 = 2.0**-32


@kernel
def _key(word: np.uint64, weyl: np.uint64, n: np.uint64) -> np.uint64:
    """Key word of round ``n``, from 0."""
    return (word + n * weyl) & MASK


@kernel
def _round(
    c0: np.uint64, c1: np.uint64, c2: np.uint64, c3: np.uint64, k0: np.uint64, k1: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Mix the counter words once with the round's key words."""
    product_0 = MULTIPLIER_0 * c0
    product_1 = MULTIPLIER_1 * c2
    return (
        (product_1 >> SHIFT_32) ^ c1 ^ k0,
        product_1 & MASK,
        (product_0 >> SHIFT_32) ^ c3 ^ k1,
        product_0 & MASK,
    )


@inlined_kernel
def philox4x32(
    c0: np.uint64, c1: np.uint64, c2: np.uint64, c3: np.uint64, k0: np.uint64, k1: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Four random 32-bit words, each in a uint64, from four counter words and two key words."""
    # Ten rounds written out: as a loop they would keep the loop over patients from vectorising.
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3 = _round(
        c0, c1, c2, c3, _key(k0, WEYL_0, np.uint64(1)), _key(k1, WEYL_1, np.uint64(1))
    )
    c0, c1, c2, c3 = _round(
        c0, c1, c2, c3, _key(k0, WEYL_0, np.uint64(2)), _key(k1, WEYL_1, np.uint64(2))
    )
    c0, c1, c2, c3 = _round(
        c0, c1, c2, c3, _key(k0, WEYL_0, np.uint64(3)), _key(k1, WEYL_1, np.uint64(3))
    )
    c0, c1, c2, c3 = _round(
        c0, c1, c2, c3, _key(k0, WEYL_0, np.uint64(4)), _key(k1, WEYL_1, np.uint64(4))
    )
    c0, c1, c2, c3 = _round(
        c0, c1, c2, c3, _key(k0, WEYL_0, np.uint64(5)), _key(k1, WEYL_1, np.uint64(5))
    )
    c0, c1, c2, c3 = _round(
        c0, c1, c2, c3, _key(k0, WEYL_0, np.uint64(6)), _key(k1, WEYL_1, np.uint64(6))
    )
    c0, c1, c2, c3 = _round(
        c0, c1, c2, c3, _key(k0, WEYL_0, np.uint64(7)), _key(k1, WEYL_1, np.uint64(7))
    )
    c0, c1, c2, c3 = _round(
        c0, c1, c2, c3, _key(k0, WEYL_0, np.uint64(8)), _key(k1, WEYL_1, np.uint64(8))
    )
    c0, c1, c2, c3 = _round(
        c0, c1, c2, c3, _key(k0, WEYL_0, np.uint64(9)), _key(k1, WEYL_1, np.uint64(9))
    )
    return c0, c1, c2, c3


@kernel
def uniform_52(low: np.uint64, high: np.uint64) -> np.float64:
    """Uniform in (0, 1) from two words: the middle of one of 2**52 equal intervals."""
    # The bits as the mantissa of a double in [1, 2); both steps are exact.
    mantissa = ((high << SHIFT_32) | low) >> SHIFT_12
    return np.uint64(mantissa | ONE_BITS).view(np.float64) - ONE_LESS_HALF_STEP


@kernel
def uniform_32(word: np.uint64) -> np.float64:
    """Uniform in (0, 1) from one word: the middle of one of 2**32 equal intervals."""
    # The bits as the low mantissa of a double just above 2**52; both steps are exact.
    return (np.uint64(word | TWO_52_BITS).view(np.float64) - TWO_52_LESS_HALF) * TWO_TO_MINUS_32


@kernel
def draw_core(
    seed: np.uint64,
    trial: np.uint64,
    n_trials: int,
    n: int,
    event: FloatArray,
    entry: FloatArray,
    dropout: FloatArray,
) -> None:
    """Draw each patient's core block: uniforms for first event, entry and dropout.

    Each (n_trials * n,).
    """
    k0 = seed & MASK
    k1 = seed >> SHIFT_32
    for t in range(n_trials):
        low = (trial + np.uint64(t)) & MASK
        high = (trial + np.uint64(t)) >> SHIFT_32
        own_event = event[t * n : (t + 1) * n]
        own_entry = entry[t * n : (t + 1) * n]
        own_dropout = dropout[t * n : (t + 1) * n]
        for i in range(n):
            w0, w1, w2, w3 = philox4x32(np.uint64(i) & MASK, low, high, np.uint64(0), k0, k1)
            own_event[i] = uniform_52(w0, w1)
            own_entry[i] = uniform_32(w2)
            own_dropout[i] = uniform_32(w3)


@kernel
def draw_uniform(
    seed: np.uint64,
    trial: np.uint64,
    n_trials: int,
    address: np.uint64,
    n: int,
    out: FloatArray,
) -> None:
    """Draw each patient's uniform (52 bits) at an ``address``: ``purpose << 8 | draw``.

    ``out`` is (n_trials * n,).
    """
    k0 = seed & MASK
    k1 = seed >> SHIFT_32
    for t in range(n_trials):
        low = (trial + np.uint64(t)) & MASK
        high = (trial + np.uint64(t)) >> SHIFT_32
        own_out = out[t * n : (t + 1) * n]
        for i in range(n):
            w0, w1, _, _ = philox4x32(np.uint64(i) & MASK, low, high, address, k0, k1)
            own_out[i] = uniform_52(w0, w1)


@kernel
def draw_response(
    seed: np.uint64,
    trial: np.uint64,
    n_trials: int,
    n: int,
    response: FloatArray,
    time: FloatArray,
) -> None:
    """Draw each patient's uniforms for response (52 bits) and its time (32 bits).

    Each (n_trials * n,).
    """
    k0 = seed & MASK
    k1 = seed >> SHIFT_32
    address = np.uint64(PURPOSE_RESPONSE) << SHIFT_8
    for t in range(n_trials):
        low = (trial + np.uint64(t)) & MASK
        high = (trial + np.uint64(t)) >> SHIFT_32
        own_response = response[t * n : (t + 1) * n]
        own_time = time[t * n : (t + 1) * n]
        for i in range(n):
            w0, w1, w2, _ = philox4x32(np.uint64(i) & MASK, low, high, address, k0, k1)
            own_response[i] = uniform_52(w0, w1)
            own_time[i] = uniform_32(w2)


@kernel
def draw_pair(
    seed: np.uint64,
    trial: np.uint64,
    n_trials: int,
    address: np.uint64,
    n: int,
    first: FloatArray,
    second: FloatArray,
) -> None:
    """Draw two uniforms of each patient (52 bits each) at an ``address``, each (n_trials * n,)."""
    k0 = seed & MASK
    k1 = seed >> SHIFT_32
    for t in range(n_trials):
        low = (trial + np.uint64(t)) & MASK
        high = (trial + np.uint64(t)) >> SHIFT_32
        own_first = first[t * n : (t + 1) * n]
        own_second = second[t * n : (t + 1) * n]
        for i in range(n):
            w0, w1, w2, w3 = philox4x32(np.uint64(i) & MASK, low, high, address, k0, k1)
            own_first[i] = uniform_52(w0, w1)
            own_second[i] = uniform_52(w2, w3)


@kernel
def draw_assessed(
    seed: np.uint64,
    trial: np.uint64,
    n_trials: int,
    n: int,
    shift: FloatArray,
    uniform: FloatArray,
) -> None:
    """Draw what holds for all of a patient's visits, each (n_trials * n,), of 32 bits.

    ``shift`` is the word itself, as a number below 2**32; ``uniform`` is one.
    """
    k0 = seed & MASK
    k1 = seed >> SHIFT_32
    address = np.uint64(PURPOSE_ASSESSED) << SHIFT_8
    for t in range(n_trials):
        low = (trial + np.uint64(t)) & MASK
        high = (trial + np.uint64(t)) >> SHIFT_32
        own_shift = shift[t * n : (t + 1) * n]
        own_uniform = uniform[t * n : (t + 1) * n]
        for i in range(n):
            w0, w1, _, _ = philox4x32(np.uint64(i) & MASK, low, high, address, k0, k1)
            own_shift[i] = np.uint64(w0 | TWO_52_BITS).view(np.float64) - TWO_52
            own_uniform[i] = uniform_32(w1)


@kernel
def draw_arrangements(
    seed: np.uint64,
    trial: np.uint64,
    stratum: int,
    n_blocks: int,
    n_arrangements: int,
    out: IntArray,
) -> None:
    """Draw which of ``n_arrangements`` (below 2**31) each permuted block takes, (n_blocks,)."""
    k0 = seed & MASK
    k1 = seed >> SHIFT_32
    low = trial & MASK
    high = trial >> SHIFT_32
    address = (np.uint64(PURPOSE_RANDOMISATION) << SHIFT_8) | np.uint64(stratum)
    choices = np.uint64(n_arrangements)
    for block in range(n_blocks):
        w0, w1, _, _ = philox4x32(np.uint64(block) & MASK, low, high, address, k0, k1)
        # The integer part of (64-bit fraction) * choices, without leaving 64 bits.
        out[block] = int((w1 * choices + ((w0 * choices) >> SHIFT_32)) >> SHIFT_32)
