"""How recordings and files are shown: lengths, levels, what each file is made of; null where nothing is known."""

from typing import Any

from rich.console import Console
from rich.table import Table

from api.commands.sound import recordings_table, sent_table

SAMPLE: dict[str, Any] = {
    "sampleId": "smp_1", "filename": "anna.wav", "format": "wav", "verdict": "warn",
    "before": {
        "duration_s": 12.34, "rate_hz": 44_100, "measures": {"speech_s": 9.96, "snr_db": 17.8, "loudness_lufs": -31.2},
    },
}  # fmt: skip
SENT: dict[str, Any] = {
    "number": 1, "container": "flac", "rateHz": 24_000, "durationSeconds": 14.5,
    "before": {"snr_db": 17.8, "loudness_lufs": None}, "after": {"snr_db": 27.1, "loudness_lufs": -20.04},
    "notes": [{"denoise": "rnnoise"}, {"denoise": "none"}],
    "sources": [
        {"sampleId": "smp_1", "startSeconds": 1.0, "endSeconds": 9.0, "atSeconds": 0.0},
        {"sampleId": "smp_2", "startSeconds": 0.0, "endSeconds": 4.5, "atSeconds": 8.0},
        {"sampleId": "smp_1", "startSeconds": 10.0, "endSeconds": 12.0, "atSeconds": 12.5},
    ],
}  # fmt: skip
OTHER = SAMPLE | {"sampleId": "smp_2", "filename": "otto.wav"}


def printed(table: Table, width: int = 160) -> str:
    console = Console(width=width, record=True, file=None, force_terminal=False)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def test_a_recording_is_shown_with_what_was_measured_and_the_verdict() -> None:
    line = printed(recordings_table([SAMPLE])).splitlines()[-1]
    for word in ("anna.wav", "12.3 s wav 44.1 kHz", "10.0 s", "18 dB", "-31", "warn"):
        assert word in line


def test_a_recording_that_was_not_inspected_is_said_to_be_so() -> None:
    assert "not inspected" in printed(recordings_table([SAMPLE | {"verdict": None, "before": None}]))


def test_a_file_is_shown_with_the_seconds_of_each_recording_that_it_is_made_of() -> None:
    line = printed(sent_table([SENT], [SAMPLE, OTHER])).splitlines()[-1]
    for word in ("10.0 s of anna.wav, 4.5 s of otto.wav", "14.5 s flac 24 kHz", "18 → 27 dB", "-20", "rnnoise"):
        assert word in line


def test_a_file_from_which_no_noise_was_removed_says_so() -> None:
    assert "nothing" in printed(sent_table([SENT | {"notes": [{"denoise": "none"}]}], [SAMPLE, OTHER]))


def test_a_file_name_cannot_steer_the_terminal() -> None:
    steering = SAMPLE | {"filename": "a\x1b[31mRED\x07.wav"}
    text = printed(recordings_table([steering])) + printed(sent_table([SENT], [steering, OTHER]))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "RED" in text
