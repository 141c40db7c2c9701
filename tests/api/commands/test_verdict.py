"""How a check is shown: what was found of each recording, what would be sent, the verdict; in 80 columns."""

from typing import Any

from rich.console import Console

from api.commands.verdict import verdict_report

MEASURES: dict[str, Any] = {"snr_db": 17.7, "loudness_lufs": -27.4}
SNR: dict[str, Any] = {
    "name": "snr", "value": 17.662, "unit": "dB", "warn": 20.0, "refuse": 5.0, "verdict": "warn",
    "advice": "Noisy: record in a quieter room, or move closer to the microphone.",
}  # fmt: skip
ECHO: dict[str, Any] = SNR | {"name": "echo", "value": None, "unit": "s", "verdict": "ok", "advice": None}
SAMPLE: dict[str, Any] = {
    "sampleId": "file-1", "filename": "anna.wav", "format": "wav", "verdict": "warn", "findings": [SNR, ECHO],
    "warnings": ["truncated: 3 s are missing"], "error": None,
    "before": {"codec": "pcm_s16le", "rate_hz": 44_100, "channels": 2, "duration_s": 13.5, "measures": MEASURES},
}  # fmt: skip
REFUSED: dict[str, Any] = SAMPLE | {
    "sampleId": "file-2", "filename": "b.wav", "verdict": "refuse", "before": None, "findings": [], "warnings": [],
    "error": {"code": "NO_SPEECH", "message": "b.wav is silent.", "details": {}},
}  # fmt: skip


def source(start_s: float, end_s: float) -> dict[str, Any]:
    return {"sampleId": "file-1", "startSeconds": start_s, "endSeconds": end_s, "atSeconds": 0.0}


def report(*samples: dict[str, Any], sources: list[dict[str, Any]] | None = None, **changes: Any) -> dict[str, Any]:
    sent = {
        "number": 1, "container": "wav", "rateHz": 44_100, "durationSeconds": 7.3, "before": MEASURES,
        "after": {"snr_db": 32.2, "loudness_lufs": -20.0}, "sources": sources or [],
    }  # fmt: skip
    return {
        "vendor": "retell", "engine": "cartesia", "verdict": "warn", "reasons": ["1 file would be sent."],
        "samples": list(samples), "sent": [sent] if sources else [], **changes,
    }  # fmt: skip


def printed(shown: dict[str, Any], **options: Any) -> str:
    console = Console(width=80, **options)
    with console.capture() as captured:
        console.print(verdict_report(shown))
    return captured.get()


def test_a_measure_that_warns_is_shown_with_its_limit_and_what_to_do() -> None:
    text = printed(report(SAMPLE))
    for words in ("anna.wav", "44.1 kHz, stereo", "17.7 dB", "limit 20.0 dB", "Noisy: record in a", "truncated: 3 s"):
        assert words in text


def test_what_could_not_be_measured_is_said_to_be_so() -> None:
    assert "not measured" in printed(report(SAMPLE))


def test_a_refused_recording_shows_its_code_and_sentence() -> None:
    assert "NO_SPEECH: b.wav is silent." in printed(report(SAMPLE, REFUSED, verdict="refuse"))


def test_the_seconds_that_would_be_sent_are_shown_with_their_recording() -> None:
    text = printed(report(SAMPLE, sources=[source(1.5, 5.0), source(6.0, 9.8)]))
    assert "anna.wav: 1.5-5.0, 6.0-9.8 s" in " ".join(text.split())
    assert "18 → 32 dB" in text


def test_many_pieces_are_counted() -> None:
    text = printed(report(SAMPLE, sources=[source(start, start + 0.5) for start in range(9)]))
    assert "4.5 s in 9" in " ".join(text.split())


def test_colours_tell_the_verdict_on_a_terminal_and_there_are_none_elsewhere() -> None:
    assert "\x1b[33m" in printed(report(SAMPLE), force_terminal=True, color_system="standard")
    assert "\x1b" not in printed(report(SAMPLE), force_terminal=False)


def test_it_fits_80_columns_and_a_name_cannot_steer_the_terminal() -> None:
    text = printed(report(SAMPLE | {"filename": "a\x1b[31m" + "long " * 30 + ".wav"}, sources=[source(0.0, 9.0)]))
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "\x1b" not in text
