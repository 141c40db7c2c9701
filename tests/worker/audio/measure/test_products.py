import numpy as np
import pytest

from worker.audio.measure.products import product


@pytest.mark.parametrize("shape", [(1, 64), (500, 64), (1_100, 64), (2, 300, 64), (3, 70, 64), (0, 64)])
@pytest.mark.parametrize("results", [4, 64, 300])
def test_it_is_the_product(shape: tuple[int, ...], results: int) -> None:
    numbers = np.random.default_rng(1)
    stack, matrix = numbers.normal(size=shape), numbers.normal(size=(64, results))
    found = product(stack.astype(np.float32), matrix.astype(np.float32))
    assert found.dtype == np.float32
    assert found.shape == (*shape[:-1], results)
    assert np.allclose(found, stack @ matrix, atol=1e-3)
