"""How a clone is shown: what a person needs, and nothing that steers the terminal."""

from typing import Any

from rich.console import Console

from api.commands.outcome import outcome_table

CLONE: dict[str, Any] = {
    "voiceId": "vc_1", "name": "Anna", "status": "ready", "training_progress": 100, "vendor": "sandbox",
    "engine": "default", "vendorVoiceId": "v1", "stage": None, "waitingFor": None, "error_message": None,
    "errorCode": None, "warnings": [], "notice": None,
}  # fmt: skip


def shown(clone: dict[str, Any], report: dict[str, Any] | None = None) -> str:
    console = Console(width=80, record=True, file=None, force_terminal=False)
    with console.capture() as captured:
        console.print(outcome_table(clone, report))
    return captured.get()


def test_a_name_cannot_steer_the_terminal() -> None:
    text = shown(CLONE | {"name": "a\x1b[31mRED\x1b]0;owned\x07b"})
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "RED" in text


def test_a_failure_says_why_with_its_code() -> None:
    failed = CLONE | {
        "status": "failed",
        "training_progress": 10,
        "errorCode": "NO_SPEECH",
        "error_message": "a.wav is silent.",
    }
    assert "NO_SPEECH: a.wav is silent." in shown(failed)


def test_warnings_are_shown() -> None:
    warned = CLONE | {
        "warnings": [{"filename": "a.flac", "sampleId": "smp_1", "warning": "truncated: 3 s are missing"}]
    }
    assert "a.flac: truncated: 3 s are missing" in shown(warned)


def test_a_report_is_shown_under_the_clone() -> None:
    sample = {"sampleId": "smp_1", "filename": "a.wav", "format": "wav", "verdict": None, "before": None}
    text = shown(CLONE, {"samples": [sample], "sent": []})
    assert text.index("Anna") < text.index("not inspected")
    assert "What was made of them" not in text
