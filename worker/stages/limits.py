"""The operator's limits, and an engine's, in the sound room's words."""

from typing import Final

from shared.settings import Settings
from shared.vendors.engines import Limits
from worker.audio.choose.planning import Target
from worker.audio.files.wire import DecodeLimits

TOLERANCE_S: Final = 0.05  # rounding of frames and seconds, where what is usable is held against what is needed


def decode_limits(settings: Settings) -> DecodeLimits:
    """Return what one decoding child may use."""
    return DecodeLimits(max_duration_s=settings.max_sample_s, memory_bytes=settings.decoder_memory_mb * 1024 * 1024)


def least_s(limits: Limits) -> float | None:
    """Return the fewest seconds that an engine makes a voice of: a single file holds all of them, if need be."""
    stated = [least for least in (limits.total_s.least, limits.file_s.least) if least is not None]
    return max(stated, default=None)


def target_of(limits: Limits) -> Target:
    """Return what is to be made for an engine."""
    return Target(
        container=limits.containers[0],
        max_rate_hz=limits.rate_hz,
        best_s=limits.best_s,
        least_s=least_s(limits),
        max_files=_whole(limits.files.most),
        min_file_s=limits.file_s.least,
        max_file_s=limits.file_s.most,
        max_total_s=limits.total_s.most,
        max_file_bytes=_whole(limits.file_bytes.most),
    )


def _whole(limit: float | None) -> int | None:
    return None if limit is None else int(limit)
