import numpy as np
import numpy.typing as npt
import pytest
import scipy.ndimage

from worker.audio.measure.surroundings import least_around, mean_around, most_around

Values = npt.NDArray[np.float32]


def _values(shape: tuple[int, ...]) -> Values:
    return np.random.default_rng(4).normal(-40.0, 10.0, shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(1, 3), (5, 2), (300, 4), (257,)])
@pytest.mark.parametrize("reach", [0, 1, 3, 31, 62])
def test_they_agree_with_scipy(shape: tuple[int, ...], reach: int) -> None:
    values, size = _values(shape), 2 * reach + 1
    assert np.array_equal(least_around(values, reach), scipy.ndimage.minimum_filter1d(values, size, 0, mode="nearest"))
    assert np.array_equal(most_around(values, reach), scipy.ndimage.maximum_filter1d(values, size, 0, mode="nearest"))
    means = mean_around(values, reach)
    assert means.dtype == np.float32
    assert np.allclose(means, scipy.ndimage.uniform_filter1d(values, size, 0, mode="nearest"), atol=1e-4)


def test_of_nothing_there_is_nothing() -> None:
    nothing = np.zeros(0, np.float32)
    assert least_around(nothing, 3).size == most_around(nothing, 3).size == mean_around(nothing, 3).size == 0
