"""How alike two recordings sound to a speaker model: Resemblyzer's d-vectors, from its own weights.

The judge is not the one that the product uses to decide, wherever it can be had: with PyTorch it is Resemblyzer
itself, without it the same network in NumPy. Levels are made equal first; pauses stay in both alike.
"""

import importlib.util
import pickle
import struct
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt
from scipy.signal.windows import hann
from typing_extensions import override

from tests.sound_eval.signals import JUDGED_HZ, Mono

LEVEL_DBFS: Final = -30.0
WINDOW_FRAMES, STEP_FRAMES, BANDS = 400, 160, 40  # of the spectrogram, at 16 kHz
PART_ROWS, LAYERS = 160, 3
PART_EVERY: Final = 77  # rows of the spectrogram: 1.3 parts a second
MIN_COVERAGE: Final = 0.75

Vector = npt.NDArray[np.float32]
Weights = dict[str, Vector]


class NoJudge(Exception):
    """The model is not there; the message says how to get it."""


def similarity(one: Mono, other: Mono) -> float:
    """Return the cosine of two voices at 16 kHz. Raises: NoJudge."""
    return float(np.dot(embedding(one), embedding(other)))


def embedding(samples: Mono) -> Vector:
    """Return the voice in a signal at 16 kHz, of length 1. Raises: NoJudge."""
    level = np.sqrt(np.square(samples).mean()) + 1e-9
    leveled = (samples * (10 ** (LEVEL_DBFS / 20) / level)).astype(np.float32)
    return _judge()(leveled)


def judged_by() -> str:
    """Return what judges voices here. Raises: NoJudge."""
    _weights_path()
    return "Resemblyzer" if _has_torch() else "Resemblyzer's weights in NumPy"


def _has_torch() -> bool:
    return all(importlib.util.find_spec(name) for name in ("torch", "webrtcvad"))


@cache
def _judge() -> Callable[[Vector], Vector]:
    if not _has_torch():
        return _Network(_load(_weights_path())).embed
    from resemblyzer import VoiceEncoder

    encoder = VoiceEncoder("cpu", verbose=False)
    return lambda samples: np.asarray(encoder.embed_utterance(samples), np.float32)


def _weights_path() -> Path:
    spec = importlib.util.find_spec("resemblyzer")  # looked up, not imported: that would want PyTorch
    for folder in spec.submodule_search_locations or () if spec else ():
        if (path := Path(folder) / "pretrained.pt").is_file():
            return path
    raise NoJudge("Resemblyzer is not installed here; `make sound-eval` installs it.")


class _Network:
    """Three LSTM layers and a projection, over parts of 1.6 s."""

    def __init__(self, weights: Weights) -> None:
        import librosa.filters  # slow to import, so only where a voice is judged

        self._weights = weights
        self._bands = librosa.filters.mel(sr=JUDGED_HZ, n_fft=WINDOW_FRAMES, n_mels=BANDS)

    def embed(self, samples: Vector) -> Vector:
        """Return the mean of the parts' vectors, of length 1."""
        rows = int(np.ceil((samples.size + 1) / STEP_FRAMES))
        starts = list(range(0, max(1, rows - PART_ROWS + PART_EVERY + 1), PART_EVERY))
        covered = (samples.size - starts[-1] * STEP_FRAMES) / (PART_ROWS * STEP_FRAMES)
        if covered < MIN_COVERAGE and len(starts) > 1:
            starts.pop()
        padded = np.pad(samples, (0, max(0, (starts[-1] + PART_ROWS) * STEP_FRAMES - samples.size)))
        mel = self._spectrogram(padded)
        parts = np.stack([mel[start : start + PART_ROWS] for start in starts])
        mean = self._forward(parts).mean(axis=0)
        return np.asarray(mean / (np.linalg.norm(mean) + 1e-9), np.float32)

    def _spectrogram(self, samples: Vector) -> Vector:
        """Return the powers in the bands, shape (rows, BANDS): not in dB, as the network was trained."""
        centred = np.pad(samples, WINDOW_FRAMES // 2)
        frames = np.lib.stride_tricks.sliding_window_view(centred, WINDOW_FRAMES)[::STEP_FRAMES]
        powers = np.square(np.abs(np.fft.rfft(frames * hann(WINDOW_FRAMES, sym=False))))
        return np.asarray(powers @ self._bands.T, np.float32)

    def _forward(self, parts: Vector) -> Vector:
        weights, rows = self._weights, parts.transpose(1, 0, 2)
        for layer in range(LAYERS):
            recurrent = weights[f"lstm.weight_hh_l{layer}"].T
            given = rows @ weights[f"lstm.weight_ih_l{layer}"].T
            given += weights[f"lstm.bias_ih_l{layer}"] + weights[f"lstm.bias_hh_l{layer}"]
            hidden = cell = np.zeros((parts.shape[0], recurrent.shape[0]), np.float32)
            outputs = np.empty((*given.shape[:2], recurrent.shape[0]), np.float32)
            for row, each in enumerate(given):
                entry, forget, candidate, out = np.split(each + hidden @ recurrent, 4, axis=1)
                cell = _sigmoid(forget) * cell + _sigmoid(entry) * np.tanh(candidate)
                hidden = _sigmoid(out) * np.tanh(cell)
                outputs[row] = hidden
            rows = outputs
        raw = np.maximum(rows[-1] @ weights["linear.weight"].T + weights["linear.bias"], 0)
        return np.asarray(raw / (np.linalg.norm(raw, axis=1, keepdims=True) + 1e-9), np.float32)


def _sigmoid(values: Vector) -> Vector:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * values)), np.float32)


@dataclass(frozen=True, slots=True)
class _Tensor:
    """Where a tensor's numbers lie in the file's storages."""

    key: str
    offset: int
    shape: tuple[int, ...]


class _Reader(pickle.Unpickler):
    """Reads the list of tensors and nothing else: any other class or function in the file is refused."""

    @override
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda key, offset, shape, *_: _Tensor(key, offset, tuple(shape))
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda tensor, *_: tensor
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch" and name.endswith("Storage"):
            return name
        raise pickle.UnpicklingError(f"{module}.{name} is not expected among a model's weights")

    @override
    def persistent_load(self, pid: Any) -> str:
        return str(pid[2])


def _load(path: Path) -> Weights:
    """Return the tensors of a file that PyTorch wrote before its version 1.6."""
    with path.open("rb") as file:
        for _ in range(3):  # the format's number, its version, the machine it was written on
            _Reader(file).load()
        state = _Reader(file).load()["model_state"]
        storages = {str(key): _storage(file) for key in _Reader(file).load()}
    found: Weights = {}
    for name, tensor in state.items():
        numbers = storages[tensor.key][tensor.offset :]
        found[name] = numbers[: int(np.prod(tensor.shape, dtype=int))].reshape(tensor.shape).copy()
    return found


def _storage(file: BinaryIO) -> Vector:
    (count,) = struct.unpack("<q", file.read(8))
    return np.frombuffer(file.read(4 * count), "<f4")
