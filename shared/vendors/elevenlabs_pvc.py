"""ElevenLabs' professional clones: created empty, filled with recordings, proven by a person, trained for hours.

There is no call that shows such a voice by itself; it is read where every voice is. Which model is trained, how far it
is and what went wrong are maps by model, and a voice is ready when one of its models is and none is under way. A person
must read a captcha aloud, or ask ElevenLabs to look at documents, before the training may begin.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from shared.errors import VendorRejected
from shared.vendors.answer import Answer
from shared.vendors.elevenlabs_account import (
    Account,
    distinct,
    labels_of,
    new_id,
    noise_removal,
    pvc_path,
    samples_of,
)
from shared.vendors.elevenlabs_captcha import picture_of
from shared.vendors.elevenlabs_recordings import ProfessionalRecording
from shared.vendors.protocol import (
    CloneOrder,
    SampleFile,
    Submitted,
    Training,
    TrainingState,
    VendorSample,
    Verification,
)
from shared.vendors.reading import at, each, flag, moment, number, text, whole

_RUNNING: Final = frozenset({"queued", "fine_tuning", "delayed"})
_NOT_BEGUN: Final = frozenset({"not_started", "draft", "not_verified"})
_DESCRIPTION_CHARS: Final = 500
_DESCRIPTION_CUT: Final = (
    "ElevenLabs keeps 500 characters of a professional clone's description; the rest was not sent."
)


class Professional:
    """What only professional clones do. `upload_s` is the deadline of one call that carries recordings."""

    def __init__(self, account: Account, *, upload_s: float) -> None:
        self._account = account
        self._upload_s = upload_s

    def create(self, order: CloneOrder, marker: str) -> Submitted:
        """Create the voice, still without recordings. Raises: VendorRejected: without a language."""
        if not order.language:
            raise VendorRejected(
                "A professional clone at ElevenLabs needs the `language` that is spoken in the recordings, for "
                "instance 'en'. Create the clone again with it."
            )
        self._account.check_room("pvc")
        body: dict[str, Any] = {"name": order.name, "language": order.language, "labels": labels_of(order, marker)}
        if order.description:
            body["description"] = order.description[:_DESCRIPTION_CHARS]
        answer = self._account.wire.ask(
            "POST", "/v1/voices/pvc", deadline_s=self._account.read_s, creates=True, body=body
        ).json()
        cut = len(order.description or "") > _DESCRIPTION_CHARS
        return Submitted(new_id(answer), (_DESCRIPTION_CUT,) if cut else ())

    def upload_missing(self, voice_id: str, files: Sequence[SampleFile], *, own_denoise: bool = False) -> None:
        """Upload the recordings that are not there yet, each in a call of its own, as they may be half an hour long."""
        there = samples_of(self._account.voice(voice_id))
        for file in distinct(files):
            if not _is_among(file, there):
                self._upload(voice_id, file, own_denoise=own_denoise)

    def _upload(self, voice_id: str, file: SampleFile, *, own_denoise: bool) -> None:
        form = [("remove_background_noise", noise_removal([file], wanted=own_denoise))]
        try:
            # An answer that is lost costs nothing: whoever comes again looks first which recordings are there.
            self._ask("POST", f"{pvc_path(voice_id)}/samples", self._upload_s, form=form, files=[("files", file)])
        except VendorRejected:
            # The same recording is refused a second time: what counts is that it is there.
            if not _is_among(file, samples_of(self._account.voice(voice_id))):
                raise

    def add(self, voice_id: str, files: Sequence[SampleFile]) -> None:
        """Upload recordings and train the voice anew, if it was proven already; else the proof comes first.

        May be repeated: what is there is left alone, and so is a training that runs.
        """
        self.upload_missing(voice_id, files)
        voice = self._account.voice(voice_id)
        runs = _RUNNING & set(_by_model(at(voice, "fine_tuning", "state")).values())
        if _is_proven(voice) and not runs:
            self.train(voice_id)

    def training(self, voice: Mapping[str, Any]) -> Training:
        """Read a look at the voice, and set its training going if it waits for nothing but that."""
        tuning = at(voice, "fine_tuning")
        states = _by_model(at(tuning, "state"))
        running = [model for model, word in states.items() if word in _RUNNING]
        if running:
            return Training(TrainingState.TRAINING, _progress(at(tuning, "progress"), running))
        if "fine_tuned" in states.values():
            return Training(TrainingState.READY, 1.0)
        failed = [model for model, word in states.items() if word == "failed"]
        if failed:
            messages = _by_model(at(tuning, "message"))
            return Training(
                TrainingState.FAILED, reason="; ".join(messages[m] for m in failed if m in messages) or None
            )
        strange = sorted(set(states.values()) - _NOT_BEGUN)
        if strange:
            return Training(TrainingState.UNKNOWN, reason=f"ElevenLabs calls the training '{', '.join(strange)[:100]}'")
        return self._begin(voice)

    def _begin(self, voice: Mapping[str, Any]) -> Training:
        """Train a voice that was proven; of one that was not, say what is to be done."""
        asked = flag(at(voice, "fine_tuning", "manual_verification_requested")) is True
        # How an accepted document shows is not stated; a voice that may be trained by now is simply tried.
        perhaps = asked and flag(at(voice, "fine_tuning", "is_allowed_to_fine_tune")) is True
        if not _is_proven(voice) and not perhaps:
            return Training(TrainingState.ACTION_REQUIRED, reason=_read_verification(voice).advice)
        voice_id = text(at(voice, "voice_id")) or ""
        try:
            self.train(voice_id)
        except VendorRejected:
            if not _is_proven(voice):
                return Training(TrainingState.ACTION_REQUIRED, reason=_read_verification(voice).advice)
            now = _by_model(at(self._account.voice(voice_id), "fine_tuning", "state"))
            if not set(now.values()) - _NOT_BEGUN:  # another worker may have set it going
                raise
        return Training(TrainingState.TRAINING)

    def recording(self, voice_id: str, sample_id: str) -> ProfessionalRecording:
        """Return one recording of the voice, to cut it, hear it, or part its speakers."""
        return ProfessionalRecording(self._account, voice_id, sample_id)

    def train(self, voice_id: str, model_id: str | None = None) -> None:
        """Begin the training of one model; without its id the vendor chooses."""
        self._ask("POST", f"{pvc_path(voice_id)}/train", body={"model_id": model_id} if model_id else {})

    def update(
        self,
        voice_id: str,
        *,
        name: str | None = None,
        language: str | None = None,
        description: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        """Change what is given; `labels` replaces all of them."""
        given = {"name": name, "language": language, "description": description, "labels": labels}
        self._ask("POST", pvc_path(voice_id), body={key: value for key, value in given.items() if value is not None})

    def verification(self, voice: Mapping[str, Any]) -> Verification:
        """Return what a person is to do, with a captcha to read aloud."""
        read = _read_verification(voice)
        if read.done:
            return read
        try:
            answer = self._ask("GET", f"{pvc_path(text(at(voice, 'voice_id')) or '')}/captcha")
        except VendorRejected:
            return read  # no attempts are left, or the voice has no recordings yet
        return replace(read, captcha=picture_of(answer))

    def verify(self, voice_id: str, recording: SampleFile) -> None:
        """Hand in the captcha, read aloud. Raises: VendorRejected: it was not accepted."""
        answer = self._account.wire.ask(
            "POST",
            f"{pvc_path(voice_id)}/captcha",
            deadline_s=self._upload_s,
            creates=True,
            files=[("recording", recording)],
        ).json()
        said = text(at(answer, "status"))
        if said not in (None, "ok"):
            raise VendorRejected(f"ElevenLabs did not accept the recording ({said[:100]}); look at what is left to do.")

    def request_manual(self, voice_id: str, files: Sequence[SampleFile], extra_text: str | None) -> None:
        """Ask a person at ElevenLabs to look at documents."""
        self._account.wire.ask(
            "POST",
            f"{pvc_path(voice_id)}/verification",
            deadline_s=self._upload_s,
            creates=True,
            form=[("extra_text", extra_text)] if extra_text else [],
            files=[("files", file) for file in files],
        )

    def _ask(self, method: str, path: str, deadline_s: float | None = None, **how: Any) -> Answer:
        return self._account.wire.ask(method, path, deadline_s=deadline_s or self._account.read_s, **how)


def _is_among(file: SampleFile, there: Sequence[VendorSample]) -> bool:
    size_bytes = file.path.stat().st_size
    return any(one.filename == file.filename and one.size_bytes in (size_bytes, None) for one in there)


def is_trained(voice: Mapping[str, Any]) -> bool:
    """Tell whether a professional voice can speak: whether it was trained for any model."""
    return "fine_tuned" in _by_model(at(voice, "fine_tuning", "state")).values()


def _by_model(value: Any) -> dict[str, str]:
    """Return a map of words by model; a single word is taken as one of a model without a name."""
    if isinstance(value, str):
        return {"": value.strip().lower()}
    if not isinstance(value, Mapping):
        return {}
    return {str(model): word for model, word in value.items() if isinstance(word, str) and word.strip()}


def _progress(value: Any, running: Sequence[str]) -> float | None:
    """Return how far the slowest model is, 0-1. The scale is not documented: a figure above 1 can only be percents."""
    known = {model: found for model in value if (found := number(value[model])) is not None} if value else {}
    figures = [known[model] for model in running if model in known]
    if not figures:
        return None
    if max(known.values()) > 1:
        return min(max(min(figures) / 100, 0.0), 1.0)
    least = min(figures)
    return least if 0 <= least < 1 else None  # 1 of something under way: all of it, or a hundredth


def _is_proven(voice: Mapping[str, Any]) -> bool:
    if flag(at(voice, "voice_verification", "is_verified")) is True:
        return True
    attempts = [*each(at(voice, "fine_tuning", "verification_attempts"))]
    attempts += each(at(voice, "voice_verification", "verification_attempts"))
    if any(flag(at(attempt, "accepted")) is True for attempt in attempts):
        return True
    # What was set to be trained was proven before.
    return bool(set(_by_model(at(voice, "fine_tuning", "state")).values()) & {*_RUNNING, "fine_tuned", "failed"})


def _read_verification(voice: Mapping[str, Any]) -> Verification:
    tuning = at(voice, "fine_tuning")
    most, tried = whole(at(tuning, "max_verification_attempts")), whole(at(tuning, "verification_attempts_count"))
    read = Verification(
        done=_is_proven(voice),
        attempts_left=None if most is None or tried is None else max(most - tried, 0),
        resets_at=moment(at(tuning, "next_max_verification_attempts_reset_unix_ms")),
        failures=_failures(tuning),
        manual_requested=flag(at(tuning, "manual_verification_requested")) is True,
    )
    return read if read.done else replace(read, advice=_what_to_do(read))


def _failures(tuning: Any) -> tuple[str, ...]:
    """Return why attempts were not accepted: the vendor's words, then what it measured of each."""
    said = at(tuning, "verification_failures")
    words = [word for word in said if isinstance(word, str)] if isinstance(said, list) else []
    for attempt in each(at(tuning, "verification_attempts")):
        if flag(at(attempt, "accepted")) is False:
            similarity = number(at(attempt, "similarity"))
            heard = text(at(attempt, "recording", "transcription"))
            parts = [f"asked for '{text(at(attempt, 'text')) or ''}'", f"heard '{heard}'" if heard else ""]
            parts.append("" if similarity is None else f"voices alike by {similarity:.2f}")
            words.append(", ".join(filter(None, parts)))
    return tuple(words)


def _what_to_do(left: Verification) -> str:
    if left.manual_requested:
        return "ElevenLabs was asked to verify the voice by hand; its answer is waited for."
    if left.attempts_left == 0:
        when = f" until {left.resets_at:%Y-%m-%d %H:%M} UTC" if left.resets_at else ""
        return (
            f"ElevenLabs listens to no further recording of the captcha{when}; wait, or ask for a verification by hand "
            "at …/verification/manual."
        )
    tries = "" if left.attempts_left is None else f" Attempts left: {left.attempts_left}."
    return (
        "The person whose voice it is must read the captcha at …/verification aloud, and send the recording there."
        f"{tries}"
    )
