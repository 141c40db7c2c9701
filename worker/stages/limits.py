"""The operator's limits in the sound room's words."""

from shared.settings import Settings
from worker.audio.wire import DecodeLimits


def decode_limits(settings: Settings) -> DecodeLimits:
    """Return what one decoding child may use."""
    return DecodeLimits(max_duration_s=settings.max_sample_s, memory_bytes=settings.decoder_memory_mb * 1024 * 1024)
