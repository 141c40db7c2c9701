"""RNNoise, a small recurrent network that tells a voice from noise, as a stream of samples at 48 kHz.

Only the C library out of the `pyrnnoise` wheel is used, found without importing that package, whose Python half loads
a plotting and a second decoding library. Where there is no such wheel, or its library cannot be loaded, there is no
denoiser: `create` returns None and its caller takes another way. The network works in frames of 10 ms and answers
some 20 ms late; `delay_frames` says how late exactly, and nothing here makes up for it.
Source: https://github.com/xiph/rnnoise (BSD-3-Clause).
"""

import ctypes
import functools
import importlib.util
import sys
import weakref
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

RATE_HZ: Final = 48_000
FRAME_FRAMES: Final = 480
PACKAGE: Final = "pyrnnoise"

_PROBE_FRAMES: Final = 20 * FRAME_FRAMES
_FULL_SCALE: Final = np.float32(32_768.0)  # the library's samples have the range of 16-bit integers
_FRAME_BYTES: Final = FRAME_FRAMES * np.dtype(np.float32).itemsize

Samples = npt.NDArray[np.float32]


class RNNoise:
    """The network's state on its way through one recording; for one thread at a time.

    The library works outside of Python's interpreter lock. The state is given back when the object goes.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        """Use `create` instead. Raises: MemoryError."""
        self._process_frame = library.rnnoise_process_frame
        self._state = library.rnnoise_create(None)
        if not self._state:
            raise MemoryError("RNNoise could not allocate its state")
        self._free = weakref.finalize(self, library.rnnoise_destroy, self._state)

    def process(self, samples: Samples) -> Samples:
        """Return the denoised samples, `delay_frames()` late, both of shape (frames,) and range -1 to 1.

        Raises: ValueError: for a length that is no multiple of FRAME_FRAMES, or after `close`.
        """
        if not self._free.alive:
            raise ValueError("this denoiser is closed")
        if samples.ndim != 1 or samples.size % FRAME_FRAMES:
            raise ValueError(f"RNNoise takes whole frames of {FRAME_FRAMES} samples, not shape {samples.shape}")
        # One sample that is no number would stay in the network's memory for good.
        work = np.multiply(np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0), _FULL_SCALE, dtype=np.float32)
        first = work.ctypes.data
        for address in range(first, first + work.nbytes, _FRAME_BYTES):
            self._process_frame(self._state, address, address)
        work /= _FULL_SCALE
        return work

    def close(self) -> None:
        """Give the state back; again does nothing."""
        self._free()


def create() -> RNNoise | None:
    """Return a denoiser that has heard nothing, or None where the library does not exist or cannot be loaded."""
    library = _load()
    return None if library is None else RNNoise(library)


def is_available() -> bool:
    return _load() is not None


@functools.cache
def delay_frames() -> int:
    """Return by how much the answer comes late, measured once a process by cross-correlation (960 in version 0.4.5).

    Raises: ValueError: where there is no library.
    """
    network = create()
    if network is None:
        raise ValueError("there is no RNNoise on this system")
    # A network that has heard nothing yet does not take noise for noise at once, and lets it through.
    noise = np.random.default_rng(0).standard_normal(_PROBE_FRAMES).astype(np.float32) * np.float32(0.1)
    answer = network.process(noise)
    network.close()
    size = 2 * _PROBE_FRAMES
    product = np.fft.irfft(np.fft.rfft(answer, size) * np.conj(np.fft.rfft(noise, size)), size)
    return int(np.argmax(product[:_PROBE_FRAMES]))


@functools.cache
def _load() -> ctypes.CDLL | None:
    """Return the library with its functions declared, loaded by the first call of the process."""
    path = _find()
    return None if path is None else load(path)


def load(path: Path) -> ctypes.CDLL | None:
    """Return the library in a file; None for one that is missing, broken, for another system, or another library."""
    try:
        library = ctypes.CDLL(str(path))
        library.rnnoise_get_frame_size.argtypes = []
        library.rnnoise_get_frame_size.restype = ctypes.c_int
        library.rnnoise_create.argtypes = [ctypes.c_void_p]
        library.rnnoise_create.restype = ctypes.c_void_p
        library.rnnoise_destroy.argtypes = [ctypes.c_void_p]
        library.rnnoise_destroy.restype = None
        library.rnnoise_process_frame.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
        library.rnnoise_process_frame.restype = ctypes.c_float
    except (OSError, AttributeError):  # cannot be loaded; lacks one of the functions
        return None
    return library if library.rnnoise_get_frame_size() == FRAME_FRAMES else None


def _find() -> Path | None:
    """Return where the wheel put the library, or None without the wheel."""
    try:
        spec = importlib.util.find_spec(PACKAGE)
    except (ImportError, ValueError):  # a broken installation
        return None
    name = "librnnoise.dylib" if sys.platform == "darwin" else "librnnoise.so"
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (path := Path(folder) / name).is_file():
            return path
    return None
