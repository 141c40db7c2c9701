"""What is wrong with a recording: told inside the clone, naming the file, the limit and what was found."""

from shared.errors.root import ServiceError


class AudioError(ServiceError):
    """A recording cannot be used."""

    code, status = "AUDIO_ERROR", 422


class AudioUnreadable(AudioError):
    """A recording cannot be decoded. Export it again as WAV, FLAC or MP3 and upload it anew."""

    code = "AUDIO_UNREADABLE"


class AudioTooShort(AudioError):
    """A recording is too short to clone a voice from."""

    code = "AUDIO_TOO_SHORT"


class AudioTooLong(AudioError):
    """A recording is longer than this service takes."""

    code = "AUDIO_TOO_LONG"


class NoSpeech(AudioError):
    """No speech was found in a recording."""

    code = "NO_SPEECH"


class AudioTooQuiet(AudioError):
    """A recording is so quiet that the voice is lost in what any device adds; record it again, louder."""

    code = "AUDIO_TOO_QUIET"


class AudioTooNoisy(AudioError):
    """The noise in a recording is as strong as the voice."""

    code = "AUDIO_TOO_NOISY"


class AudioClipped(AudioError):
    """A recording is so heavily clipped that the voice is distorted throughout."""

    code = "AUDIO_CLIPPED"
