"""The decibel, with a floor instead of minus infinity, so that every level can be stored as JSON."""

from typing import Final

import numpy as np

FLOOR_DB: Final = -120.0  # below the noise of 16 bits (-98 dB) by enough to mean "nothing"
_FLOOR_POWER: Final = 10 ** (FLOOR_DB / 10)


def power_to_db(power: float) -> float:
    """Return 10·log10(power), at least FLOOR_DB."""
    return float(10 * np.log10(max(power, _FLOOR_POWER)))


def amplitude_to_db(amplitude: float) -> float:
    """Return 20·log10(amplitude), at least FLOOR_DB."""
    return power_to_db(amplitude * amplitude)


def db_to_amplitude(level_db: float) -> float:
    """Return the factor that changes a level by `level_db`."""
    return float(10 ** (level_db / 20))
