"""What can be done with one recording of a professional clone at ElevenLabs: cut it, hear it, part its speakers.

Where several people speak in a recording, ElevenLabs tells them apart on request, and the voice is made of those that
are chosen. The sound that can be fetched is the first half minute.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from shared.errors import VendorProtocol
from shared.vendors.elevenlabs_account import Account, pvc_path
from shared.vendors.reading import at, number, text

_SOUND_BYTES: Final = 32 * 1024 * 1024  # half a minute, in base64, of whatever it was recorded as


@dataclass(frozen=True, slots=True)
class Sound:
    """Sound that ElevenLabs holds."""

    content_type: str
    data: bytes
    duration_s: float | None


@dataclass(frozen=True, slots=True)
class Speaker:
    """One of the people in a recording, with when they speak, as (start, end) in seconds."""

    speaker_id: str
    duration_s: float | None
    utterances_s: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Separation:
    """How far the parting of speakers is, in the vendor's word: not_started, pending, completed, failed, or newer."""

    status: str
    speakers: tuple[Speaker, ...] = ()
    selected: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProfessionalRecording:
    """One recording of a professional clone."""

    account: Account
    voice_id: str
    sample_id: str

    def update(
        self,
        *,
        remove_background_noise: bool | None = None,
        selected_speaker_ids: Sequence[str] | None = None,
        trim_start_ms: int | None = None,
        trim_end_ms: int | None = None,
        file_name: str | None = None,
    ) -> None:
        """Change what is given. Chosen speakers replace those that were chosen before."""
        given = {
            "remove_background_noise": remove_background_noise,
            "selected_speaker_ids": None if selected_speaker_ids is None else list(selected_speaker_ids),
            "trim_start_time": trim_start_ms,
            "trim_end_time": trim_end_ms,
            "file_name": file_name,
        }
        body = {name: value for name, value in given.items() if value is not None}
        self.account.wire.ask("POST", self._path, deadline_s=self.account.read_s, body=body)

    def select_speakers(self, speaker_ids: Sequence[str]) -> None:
        """Choose whose voice is cloned."""
        self.update(selected_speaker_ids=speaker_ids)

    def delete(self) -> None:
        """Take the recording away; one that is not there is no error."""
        self.account.remove_sample(pvc_path(self.voice_id), self.voice_id, self.sample_id)

    def sound(self, *, remove_background_noise: bool = False) -> Sound:
        """Return the first half minute. Raises: VendorProtocol."""
        params = {"remove_background_noise": "true" if remove_background_noise else "false"}
        return self._sound(f"{self._path}/audio", params)

    def waveform(self) -> tuple[float, ...]:
        """Return the points of the waveform as ElevenLabs draws it."""
        drawn = at(self._get(f"{self._path}/waveform"), "visual_waveform")
        if not isinstance(drawn, list):
            raise VendorProtocol("ElevenLabs' answer holds no waveform.")
        return tuple(point for value in drawn if (point := number(value)) is not None)

    def separate_speakers(self) -> None:
        """Have the speakers told apart; `separation` shows when it is done."""
        self.account.wire.ask("POST", f"{self._path}/separate-speakers", deadline_s=self.account.read_s)

    def separation(self) -> Separation:
        """Return how far the parting is, and whom it found."""
        answer = self._get(f"{self._path}/speakers")
        speakers, selected = at(answer, "speakers"), at(answer, "selected_speaker_ids")
        return Separation(
            status=text(at(answer, "status")) or "unknown",
            speakers=tuple(
                _speaker(str(key), value)
                for key, value in (speakers.items() if isinstance(speakers, Mapping) else ())
                if isinstance(value, Mapping)
            ),
            selected=tuple(map(str, selected)) if isinstance(selected, list) else (),
        )

    def speaker_sound(self, speaker_id: str) -> Sound:
        """Return one speaker's part. Raises: VendorProtocol."""
        return self._sound(f"{self._path}/speakers/{quote(speaker_id, safe='')}/audio")

    @property
    def _path(self) -> str:
        return f"{pvc_path(self.voice_id)}/samples/{quote(self.sample_id, safe='')}"

    def _get(self, path: str) -> Any:
        return self.account.wire.ask("GET", path, deadline_s=self.account.read_s).json()

    def _sound(self, path: str, params: Mapping[str, str] | None = None) -> Sound:
        answer = self.account.wire.ask(
            "GET", path, deadline_s=self.account.read_s, params=params, most_bytes=_SOUND_BYTES
        ).json()
        try:
            data = base64.b64decode(text(at(answer, "audio_base_64")) or "", validate=True)
        except (binascii.Error, ValueError):
            data = b""
        if not data:
            raise VendorProtocol("ElevenLabs' answer holds no sound.")
        content_type = text(at(answer, "media_type")) or "application/octet-stream"
        return Sound(content_type, data, number(at(answer, "duration_secs")))


def _speaker(key: str, value: Mapping[str, Any]) -> Speaker:
    said = at(value, "utterances")
    spans = [(number(at(one, "start")), number(at(one, "end"))) for one in said] if isinstance(said, list) else []
    return Speaker(
        speaker_id=text(at(value, "speaker_id")) or key,
        duration_s=number(at(value, "duration_secs")),
        utterances_s=tuple((start, end) for start, end in spans if start is not None and end is not None),
    )
