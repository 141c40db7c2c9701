"""What lies around every moment of a track: the least, the most and the mean of it.

As the filters of scipy.ndimage with `mode="nearest"`, whose import takes as long as measuring 15 s of sound (2026-11).
"""

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float32]


def least_around(values: Values, reach: int) -> Values:
    """Return, for every row, the least of each column within `reach` rows; beyond the ends their rows go on."""
    size = 2 * reach + 1
    least, covered = _padded(values, reach), 1
    while 2 * covered <= size:
        least, covered = np.minimum(least[:-covered], least[covered:]), 2 * covered
    # Two spans of that length, which overlap, make up the whole one.
    return np.minimum(least[: len(values)], least[size - covered : size - covered + len(values)])


def most_around(values: Values, reach: int) -> Values:
    """Return, for every row, the most of each column within `reach` rows; beyond the ends their rows go on."""
    return -least_around(-values, reach)


def mean_around(values: Values, reach: int) -> Values:
    """Return, for every row, the mean of each column within `reach` rows; beyond the ends their rows go on."""
    padded, size = _padded(values, reach), 2 * reach + 1
    total = np.zeros(values.shape)
    for first in range(size):
        total += padded[first : first + len(values)]
    return (total / size).astype(values.dtype)


def _padded(values: Values, reach: int) -> Values:
    if not len(values):
        return values
    return np.pad(values, [(reach, reach), *[(0, 0)] * (values.ndim - 1)], mode="edge")
