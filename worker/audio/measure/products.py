"""Products of matrices that no library shares among threads.

OpenBLAS shares larger ones, and its threads wait for each other by turning in circles: they take the cores from the
other jobs of a worker, and on a busy one the product takes ten times as long.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

UNSHARED: Final = 2**18  # multiplications that one thread does alone (OpenBLAS 0.3, SMP_THRESHOLD_MIN)

Floats = npt.NDArray[np.floating[Any]]


def product(stack: Floats, matrix: Floats) -> Floats:
    """Return every row of a stack, shape (…, count, values), times a matrix, shape (values, results)."""
    count, rows = stack.shape[-2], max(UNSHARED // matrix.size, 1)
    whole = count // rows * rows
    output = np.empty((*stack.shape[:-1], matrix.shape[1]), stack.dtype)
    if whole:
        parts = stack[..., :whole, :].reshape(*stack.shape[:-2], whole // rows, rows, stack.shape[-1])
        output[..., :whole, :] = np.matmul(parts, matrix).reshape(*stack.shape[:-2], whole, matrix.shape[1])
    if whole < count:
        np.matmul(stack[..., whole:, :], matrix, out=output[..., whole:, :])
    return output
