"""Cut a stream of blocks of any length into hops of equal duration and keep only the mean square of each.

The one loop under every measure over time. Kept per hop is one float32 a row, so an hour of 10 ms hops is 1.4 MB.
It must not filter or judge.
"""

import numpy as np
import numpy.typing as npt

Powers = npt.NDArray[np.float32]


class HopPowers:
    """Mean squares of consecutive hops; one that is no whole number of samples long keeps its duration on average.

    Args:
        rows: Number of signals in every block.
        rate_hz: Their rate.
        hop_s: Duration of a hop.
    """

    def __init__(self, rows: int, rate_hz: int, hop_s: float) -> None:
        self._hop_frames = rate_hz * hop_s
        self._hops = 0
        self._rest: npt.NDArray[np.floating] = np.zeros((rows, 0), np.float32)
        self._parts: list[Powers] = [np.zeros((rows, 0), np.float32)]

    def add(self, block: npt.NDArray[np.floating]) -> None:
        """Take the next block, shape (rows, frames)."""
        samples = np.concatenate((self._rest, block), axis=1) if self._rest.size else block
        count = int((samples.shape[1] + 1) / self._hop_frames) + 1
        edges = np.rint(np.arange(self._hops, self._hops + count + 1) * self._hop_frames).astype(np.int64)
        edges -= edges[0]
        edges = edges[edges <= samples.shape[1]]
        self._rest = samples[:, edges[-1] :].copy()
        if edges.size > 1:
            sums = np.add.reduceat(np.square(samples[:, : edges[-1]]), edges[:-1], axis=1)
            self._parts.append((sums / np.diff(edges)).astype(np.float32))
            self._hops += edges.size - 1

    def powers(self) -> Powers:
        """Return the mean square of every complete hop, shape (rows, hops)."""
        self._parts = [np.concatenate(self._parts, axis=1)]
        return self._parts[0]
