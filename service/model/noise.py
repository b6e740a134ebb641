"""Random numbers that a seed tells on any machine: the same bits, whatever computes them, and in any company.

The words are Philox's, a bijection of a counter under a key (Salmon et al. 2011, "Parallel random numbers: as easy as
1, 2, 3"), whose stream NumPy keeps for ever, as it does not keep that of its normal distribution. From there on only
operations are used that IEEE 754 rounds in one way: NumPy's logarithm and cosine differ between processors.
"""

import math
import secrets

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

SEED_BITS = 53  # every integer of so many is a number of JSON to any client
MAX_SEED = 2**SEED_BITS - 1
LOGARITHM = np.array(
    [2 / (2 * power + 1) for power in range(17)]
)  # 2 artanh(x) / x, in x squared: |x| <= 1/3
COSINE = np.array(
    [(-1) ** power / math.factorial(2 * power) for power in range(17)]
)  # in x squared: |x| <= pi


def new_seed() -> int:
    """A seed that nobody foresees, from 0 to ``MAX_SEED``."""
    return secrets.randbits(SEED_BITS)


def uniforms(seed: int, items: int, each: int) -> Doubles:
    """Numbers strictly between 0 and 1, (items, each): row i begins the i-th stream of the seed, 0 to ``MAX_SEED``.

    Neither how many rows there are nor how long they are changes what stands in them.
    """
    generator = np.random.Philox(key=np.array([seed, 0], dtype=np.uint64))
    beginning = generator.state
    words = np.empty((items, each), dtype=np.uint64)
    for item in range(items):
        beginning["state"]["key"][1] = item
        generator.state = beginning
        words[item] = generator.random_raw(each)
    return ((words >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def normals(uniform: Doubles) -> Doubles:
    """Draws from the standard normal, (..., count), of uniform ones (..., 2 count).

    Box & Muller 1958, "A note on the generation of random normal deviates".
    """
    length, angle = np.split(uniform, 2, axis=-1)
    radius: Doubles = np.sqrt(-2 * logarithm(length))
    return radius * cosine(2 * math.pi * (angle - 0.5))


def logarithm(values: Doubles) -> Doubles:
    """The natural logarithm of numbers between 0 and 1, within a share of 1e-15."""
    fraction, exponent = np.frexp(values)  # from 1/2 to 1
    ratio = (fraction - 1) / (fraction + 1)
    logarithms: Doubles = exponent * math.log(2) + ratio * polynomial(
        ratio * ratio, LOGARITHM
    )
    return logarithms


def cosine(angles: Doubles) -> Doubles:
    """The cosine of angles from -pi to pi, within 1e-14."""
    cosines: Doubles = polynomial(angles * angles, COSINE)
    return cosines


def polynomial(values: Doubles, coefficients: Doubles) -> Doubles:
    """The sum of coefficients, the constant first, times powers of the values, by Horner's scheme."""
    sums = np.full_like(values, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        sums = sums * values + coefficient
    return sums
