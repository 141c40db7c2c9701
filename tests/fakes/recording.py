"""What a fake vendor finds out about a recording that it was sent, by its bytes."""

import io

import soundfile

from tests.fakes.call import Upload


def container(upload: Upload) -> str | None:
    """Return wav, flac, mp3, m4a or webm by the first bytes; None: no recording."""
    head = upload.body[:12]
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"fLaC":
        return "flac"
    if head[:3] == b"ID3" or (head[:1] == b"\xff" and len(head) > 1 and head[1] & 0xE0 == 0xE0):
        return "mp3"
    if head[4:8] == b"ftyp":
        return "m4a"
    return "webm" if head[:4] == b"\x1a\x45\xdf\xa3" else None


def seconds(upload: Upload) -> float | None:
    """Return the length of a WAV, FLAC or MP3; None: it cannot be read."""
    try:
        return float(soundfile.info(io.BytesIO(upload.body)).duration)
    except soundfile.LibsndfileError:
        return None
