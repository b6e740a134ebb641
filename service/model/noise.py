"""Seeded random numbers, bit-identical on every machine and for every batch size.

The words are those of Philox, a bijection of a counter under a key (Salmon et al. 2011,
"Parallel random numbers: as easy as 1, 2, 3"). NumPy keeps its stream stable, which it
does not promise for its normal distribution. The rest uses only operations that IEEE
754 rounds in exactly one way: NumPy's logarithm and cosine differ between processors.
"""

import math
from functools import partial
from random import getrandbits

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

SEED_BITS = 53  # all JSON clients represent integers of up to 53 bits exactly
MAX_SEED = 2**SEED_BITS - 1
# Returns another seed for each request. Seeds are no secrets: the system's random numbers
# would take 0.5 us. Python seeds its own by them, anew in each forked process.
new_seed = partial(getrandbits, SEED_BITS)

WORD_SHIFT = np.uint64(12)  # leaves 52 bits: adding one half to them is still exact
WORD_SCALE = 2.0**-52

# Taylor series in x squared: 2 artanh(x) / x for |x| <= 1/3, cos(x) for |x| <= pi.
TERMS = range(17)
ARTANH_SERIES = [2 / (2 * term + 1) for term in TERMS]
COSINE_SERIES = [(-1) ** term / math.factorial(2 * term) for term in TERMS]


def uniforms(
    seed: int,
    items: int,
    each: int,
) -> Doubles:
    """Return numbers strictly between 0 and 1, (items, each).

    Row i is the beginning of the seed's i-th stream: it depends neither on the number
    of rows nor on their length. Seeds are 0 to ``MAX_SEED``.
    """
    key = np.array([seed, 0], dtype=np.uint64)
    generator = np.random.Philox(key=key)
    start = generator.state
    words = np.empty((items, each), dtype=np.uint64)
    for item in range(items):
        start["state"]["key"][1] = item
        generator.state = start
        words[item] = generator.random_raw(each)
    words >>= WORD_SHIFT
    numbers = words.astype(np.float64)
    numbers += 0.5
    numbers *= WORD_SCALE
    return numbers


def normals(uniform: Doubles) -> Doubles:
    """Map uniform numbers (..., 2 count) to standard normal ones (..., count).

    Box & Muller 1958, "A note on the generation of random normal deviates".
    """
    first, second = np.split(uniform, 2, axis=-1)
    radius: Doubles = np.sqrt(-2 * logarithm(first))
    turns = second - 0.5
    angle = 2 * math.pi * turns
    return radius * cosine(angle)


def logarithm(values: Doubles) -> Doubles:
    """Return the natural logarithm of numbers in (0, 1), relative error below 1e-15.

    Of a fraction f times a power of two, log(f) is 2 artanh((f - 1) / (f + 1)).
    """
    fraction, exponent = np.frexp(values)  # the fraction is in [1/2, 1)
    ratio = (fraction - 1) / (fraction + 1)
    series = polynomial(ratio * ratio, ARTANH_SERIES)
    log_fraction = ratio * series
    log_power = exponent * math.log(2)
    logarithms: Doubles = log_power + log_fraction
    return logarithms


def cosine(angles: Doubles) -> Doubles:
    """Return the cosine of angles from -pi to pi, absolute error below 1e-14."""
    squares = angles * angles
    return polynomial(squares, COSINE_SERIES)


def polynomial(values: Doubles, coefficients: list[float]) -> Doubles:
    """Evaluate a polynomial by Horner's scheme; its first coefficient is the constant."""
    highest = coefficients[-1]
    lower = coefficients[:-1]
    sums = np.full_like(values, highest)
    for coefficient in reversed(lower):
        sums *= values
        sums += coefficient
    return sums
