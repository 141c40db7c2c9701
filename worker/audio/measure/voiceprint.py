"""What a voice sounds like, as 256 numbers: two stretches of one speaker point the same way, two speakers do not.

The numbers are the d-vectors of Resemblyzer 0.1.4 (Apache-2.0, see voiceprint.LICENSE), a network of three LSTM layers
over 40 mel bands that was trained to tell speakers apart (Wan et al. 2018, arXiv 1710.10467). It runs here in plain
numpy: 1.4 million weights need no framework. It says how alike two stretches are and never who speaks; embeddings are
not stored and not compared between recordings of different clones.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

RATE_HZ: Final = 16_000
WINDOW_FRAMES: Final = 25_600  # 1.6 s, the length the network was trained with
WINDOW_S: Final = WINDOW_FRAMES / RATE_HZ
DIMENSIONS: Final = 256

_FFT_FRAMES: Final = 400
_HOP_FRAMES: Final = 160
_STEPS: Final = WINDOW_FRAMES // _HOP_FRAMES
_MEL_BANDS: Final = 40
# Every window is brought to -27 dB re full scale. The original raises quiet recordings to -30 and leaves loud ones, but
# the network hears level: the same window at -30 and -20 dB has a cosine of only 0.86 (2026-11).
_TARGET_POWER: Final = np.float32(10**-2.7)
_TINY_POWER: Final = np.float32(1e-10)  # digital silence stays silent
_LAYERS: Final = 3
_GATES: Final = 4
# Up to here OpenBLAS multiplies one gate's weights without copying them first: 56 instead of 140 us a step (2026-11).
_BATCH: Final = 12

Samples = npt.NDArray[np.float32]
Embeddings = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
    """One LSTM layer, made so that every gate is a tanh and what the layer hands on is twice the textbook's state.

    sigmoid(x) = (1 + tanh(x / 2)) / 2: the halves are in the weights. Gates: input, forget, output, candidate.
    """

    inputs: Samples  # (gates, values in, DIMENSIONS)
    recurrent: Samples  # (gates, DIMENSIONS, DIMENSIONS)
    bias: Samples  # (gates, 1, DIMENSIONS)


@dataclass(frozen=True, slots=True, eq=False)
class _Network:
    layers: tuple[_Layer, ...]
    linear: Samples  # (DIMENSIONS in, DIMENSIONS out)
    linear_bias: Samples
    window: Samples  # Hann, (_FFT_FRAMES,)
    mel: Samples  # (spectrum bins, _MEL_BANDS)


def embed(windows: Samples) -> Embeddings:
    """Return one unit vector a window.

    Args:
        windows: Mono sound at 16 kHz, almost all of it speech, shape (count, WINDOW_FRAMES).

    Returns:
        Shape (count, DIMENSIONS), no value negative. A window of digital silence gives some voice; do not ask for it.
    """
    network = _network()
    embeddings = np.empty((len(windows), DIMENSIONS), np.float32)
    for first in range(0, len(windows), _BATCH):
        batch = np.asarray(windows[first : first + _BATCH], np.float32)
        embeddings[first : first + _BATCH] = _run(network, _features(network, batch))
    return embeddings


def similarity(one: Embeddings, other: Embeddings) -> float:
    """Return the cosine of the mean vectors of two sets of embeddings, 0 to 1; 0 where a set is empty."""
    if not len(one) or not len(other):
        return 0.0
    first, second = one.mean(axis=0), other.mean(axis=0)
    lengths = float(np.linalg.norm(first) * np.linalg.norm(second))
    return min(float(first @ second) / lengths, 1.0) if lengths else 0.0


def mel_filters() -> Samples:
    """Return triangles on Slaney's mel scale, each of area 1, shape (bands, bins): as librosa's `filters.mel`."""
    edges_hz = _mel_to_hz(np.linspace(0.0, _hz_to_mel(RATE_HZ / 2), _MEL_BANDS + 2))
    bins_hz = np.fft.rfftfreq(_FFT_FRAMES, 1 / RATE_HZ)
    low, centre, high = edges_hz[:-2, None], edges_hz[1:-1, None], edges_hz[2:, None]
    triangles = np.minimum((bins_hz - low) / (centre - low), (high - bins_hz) / (high - centre))
    return (np.maximum(triangles, 0.0) * 2 / (high - low)).astype(np.float32)


def _hz_to_mel(hz: float) -> float:
    """Linear to 1 kHz (15 mel), logarithmic above: Slaney's Auditory Toolbox. Only for 1 kHz and more."""
    return 15.0 + 27.0 * float(np.log(hz / 1_000.0) / np.log(6.4))


def _mel_to_hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(mel < 15.0, mel * 200.0 / 3.0, 1_000.0 * 6.4 ** ((mel - 15.0) / 27.0))


def _features(network: _Network, windows: Samples) -> Samples:
    """Return mel powers, shape (_STEPS, count, _MEL_BANDS)."""
    powers = np.square(windows).mean(axis=1)
    gains = np.sqrt(_TARGET_POWER / np.maximum(powers, _TINY_POWER))
    half = _FFT_FRAMES // 2
    padded = np.pad(windows * gains[:, None], ((0, 0), (half, half)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FFT_FRAMES, axis=1)[:, :WINDOW_FRAMES:_HOP_FRAMES]
    spectra = np.fft.rfft(frames * network.window, axis=2)
    mels = (np.square(spectra.real) + np.square(spectra.imag)) @ network.mel
    return np.ascontiguousarray(mels.transpose(1, 0, 2))


def _run(network: _Network, features: Samples) -> Embeddings:
    """Return unit vectors, shape (count, DIMENSIONS), for features of shape (_STEPS, count, values)."""
    states = features
    for layer in network.layers:
        states = _run_layer(layer, states)
    raw = np.maximum(states[-1] @ network.linear + network.linear_bias, 0.0)
    lengths = np.linalg.norm(raw, axis=1, keepdims=True)
    return np.asarray(raw / np.maximum(lengths, np.float32(1e-6)))


def _run_layer(layer: _Layer, values: Samples) -> Samples:
    """Return twice the hidden state of every step, shape (steps, count, DIMENSIONS)."""
    steps, count, _ = values.shape
    projected = (
        values.reshape(steps * count, -1) @ layer.inputs
    )  # all steps at once: (gates, steps * count, DIMENSIONS)
    projected += layer.bias
    projected = projected.reshape(_GATES, steps, count, DIMENSIONS)
    states = np.empty((steps, count, DIMENSIONS), np.float32)
    state = np.zeros((count, DIMENSIONS), np.float32)
    cell = np.zeros_like(state)  # twice the textbook's
    gates = np.empty((_GATES, count, DIMENSIONS), np.float32)
    for step in range(steps):
        np.matmul(state, layer.recurrent, out=gates)
        gates += projected[:, step]
        np.tanh(gates, out=gates)
        gates[:3] += 1.0
        into, forget, out, candidate = gates
        forget *= 0.5
        cell *= forget
        into *= candidate
        cell += into
        state = states[step]
        np.multiply(cell, 0.5, out=state)
        np.tanh(state, out=state)
        state *= out
    return states


@cache
def _network() -> _Network:
    """Load the weights once a process; threads that meet here load them twice and then share one."""
    with np.load(Path(__file__).with_name("voiceprint.npz")) as stored:
        layers = tuple(_layer(stored, number) for number in range(_LAYERS))
        linear = np.ascontiguousarray(_weights(stored, "linear").T) * np.float32(0.5)
        bias = stored["linear_bias"]
    hann = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_FFT_FRAMES) / _FFT_FRAMES)).astype(np.float32)
    return _Network(layers, linear, bias, hann, np.ascontiguousarray(mel_filters().T))


def _layer(stored: Any, number: int) -> _Layer:
    """Split the rows into gates, put the output gate before the candidate, and move the halves into the weights."""
    order = [0, 1, 3, 2]
    halves = np.array([0.5, 0.5, 0.5, 1.0], np.float32)[:, None, None]
    inputs, recurrent, bias = (
        each.reshape(_GATES, DIMENSIONS, -1)[order] * halves
        for each in (
            _weights(stored, f"input_{number}"),
            _weights(stored, f"recurrent_{number}"),
            stored[f"bias_{number}"],
        )
    )
    from_state = np.float32(0.5)  # states are handed on doubled; the features of the first layer are not
    return _Layer(
        np.ascontiguousarray(inputs.transpose(0, 2, 1)) * (from_state if number else np.float32(1)),
        np.ascontiguousarray(recurrent.transpose(0, 2, 1)) * from_state,
        np.ascontiguousarray(bias.transpose(0, 2, 1)),
    )


def _weights(stored: Any, name: str) -> Samples:
    """Return a matrix as float32: stored as float16, or as int8 with a scale for every 32 values of a row."""
    values = stored[name].astype(np.float32)
    if f"{name}_scale" in stored:
        blocks = stored[f"{name}_scale"].astype(np.float32)
        values = (values.reshape(*blocks.shape, -1) * blocks[:, :, None]).reshape(values.shape)
    return np.asarray(values)
