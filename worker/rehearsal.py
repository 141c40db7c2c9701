"""One sound of our own, taken through the sound room before the first stranger's recording.

What every job needs is loaded at first use: the decoding process, the speech model, the filters. Whoever comes first
after a start would wait for it. This touches no job, no storage and no database, and a worker whose rehearsal fails
works all the same. librosa is left to the first recording that needs it.
"""

import threading
import time
from typing import Final

import numpy as np

from shared import log
from shared.errors import AudioError
from worker.audio.files.encode import encode
from worker.audio.inspector import inspect
from worker.bench import Bench
from worker.stages.limits import decode_limits

RATE_HZ: Final = 44_100  # not the speech model's, so that its resampler is used
DURATION_S: Final = 2.0
AMPLITUDE: Final = 0.1
_logger = log.get(__name__)


class _Stopping(Exception):
    """The worker ends; what the rehearsal uses is about to be closed."""


def begin(bench: Bench) -> threading.Thread:
    """Rehearse in a thread of its own, while jobs may come already. The process does not wait for it to end."""
    thread = threading.Thread(target=_try, args=(bench,), name="rehearsal", daemon=True)
    thread.start()
    return thread


def rehearse(bench: Bench) -> None:
    """Write noise to a file and inspect it. Raises: what `inspect` raises, but for the refusal that noise gets."""

    def look_up(_fraction: float) -> None:
        if bench.stopping.is_set():
            raise _Stopping

    noise = np.random.default_rng(0).normal(0.0, AMPLITUDE, (1, round(DURATION_S * RATE_HZ))).astype(np.float32)
    with bench.desk.folder() as folder:
        path = folder / "rehearsal.flac"
        encode([noise], path, container="flac", rate_hz=RATE_HZ)
        limits = decode_limits(bench.services.settings)
        try:
            inspect(bench.decoder, path, filename=path.name, limits=limits, progress=look_up)
        except AudioError:  # which finding comes first is of no account here
            return


def _try(bench: Bench) -> None:
    began_s = time.monotonic()
    try:
        rehearse(bench)
    except Exception as error:
        if not bench.stopping.is_set():  # the first job meets the same trouble, and settles it as a job's
            _logger.warning("rehearsal_failed", error=type(error).__name__)
        return
    _logger.info("rehearsed", took_s=round(time.monotonic() - began_s, 2))
