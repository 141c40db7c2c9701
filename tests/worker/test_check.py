"""The checking child: one request in, one JSON answer out, whatever the recordings are and whatever goes wrong."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shared import leash
from tests.e2e.recordings import speech_wav
from tests.processes import is_gone, until
from tests.stack import CLEAN_SPEECH
from tests.worker.audio.signals import wav_bytes, white_noise
from worker.check import answer

LIMITS = {"max_duration_s": 600.0, "memory_bytes": 768 * 1024 * 1024}
COMMAND = [sys.executable, "-P", "-m", "worker.check"]


def request(folder: Path, *files: Path, engine: str = "sandbox/default", **changes: Any) -> dict[str, Any]:
    vendor, _, name = engine.partition("/")
    sound = folder / "sound"
    sound.mkdir(exist_ok=True)
    listed = [
        {
            "id": f"file-{number}",
            "filename": path.name,
            "path": str(path),
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for number, path in enumerate(files, start=1)
    ]
    return {
        "files": listed, "vendor": vendor, "engine": name, "wish": {"denoise": "auto", "trim": "auto"},
        "limits": LIMITS, "folder": str(sound), **changes,
    }  # fmt: skip


def ask(asked: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(COMMAND, input=json.dumps(asked), capture_output=True, text=True, timeout=300, check=False)


def written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def test_a_good_recording_is_inspected_prepared_and_judged(tmp_path: Path) -> None:
    done = ask(request(tmp_path, CLEAN_SPEECH, engine="bland/btts_v3"))
    found = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    [file], [made] = found["files"], found["sent"]
    assert (file["error"], file["inspection"]["codec"]) == (None, "flac")
    assert [part["source"] for part in made["recipe"]["parts"]] == ["file-1"]
    assert 4.0 <= made["duration_s"] <= 4.5
    assert found["engine"]["verdict"] in ("ok", "warn")
    assert "bland/btts_v3" in found["engine"]["reasons"][0]
    fractions = [json.loads(line)["fraction"] for line in done.stderr.splitlines()]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert [path.name for path in (tmp_path / "sound").iterdir()] == [f"{made['sha256'][:32]}.wav"]


def test_bad_recordings_do_not_hide_each_other_nor_a_good_one(tmp_path: Path) -> None:
    noise = written(tmp_path, "noise.wav", wav_bytes(white_noise(5.0, 16_000), 16_000))
    silence = written(tmp_path, "silence.wav", wav_bytes(0 * white_noise(5.0, 16_000), 16_000))
    broken = written(tmp_path, "broken.wav", speech_wav()[:20] + os.urandom(3000))
    short = written(tmp_path, "short.wav", speech_wav(0.4))
    found = answer(json.dumps(request(tmp_path, noise, silence, CLEAN_SPEECH, broken, short)))
    assert [file["error"] and file["error"]["code"] for file in found["files"]] == [
        "NO_SPEECH",
        "NO_SPEECH",
        None,
        "AUDIO_UNREADABLE",
        "AUDIO_TOO_SHORT",
    ]
    for file, path in zip(found["files"], (noise, silence, CLEAN_SPEECH, broken, short), strict=True):
        assert (file["inspection"] is None) == (path is broken)  # of all others it is told what was measured
        assert file["error"] is None or path.name in file["error"]["message"]
    assert (found["engine"]["verdict"], found["sent"]) == ("refuse", [])
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_an_engine_that_needs_more_is_a_refusal_with_what_is_missing(tmp_path: Path) -> None:
    found = answer(json.dumps(request(tmp_path, CLEAN_SPEECH, engine="elevenlabs/pvc")))
    assert found["engine"]["verdict"] == "refuse"
    assert "needs at least 1800 s" in " ".join(found["engine"]["reasons"])


@pytest.mark.parametrize(
    ("text", "code"),
    [("{}", "INTERNAL_ERROR"), ("not json", "INTERNAL_ERROR"), ('{"files": [], "vendor": "x"}', "INTERNAL_ERROR")],
)
def test_a_request_that_makes_no_sense_is_a_failure_and_no_trace(text: str, code: str) -> None:
    done = subprocess.run(COMMAND, input=text, capture_output=True, text=True, timeout=300, check=False)
    assert json.loads(done.stdout)["failure"]["code"] == code
    assert done.returncode == 1
    assert "Traceback" not in done.stdout


def test_an_engine_that_does_not_exist_and_a_file_that_is_gone_are_failures_with_their_code(tmp_path: Path) -> None:
    asked = request(tmp_path, CLEAN_SPEECH)
    assert answer(json.dumps(asked | {"engine": "nine"}))["failure"]["code"] == "INVALID_FIELD"
    asked["files"][0]["path"] = str(tmp_path / "gone.wav")
    assert "failure" in answer(json.dumps(asked))


def test_it_ends_with_whoever_started_it_and_leaves_nothing_of_the_voice(tmp_path: Path) -> None:
    long = written(tmp_path, "long.wav", wav_bytes(white_noise(300.0, 16_000), 16_000))
    theirs, ours = os.pipe()
    asked = request(tmp_path, *[long] * 5)
    environment = {**os.environ, leash.LEASH_FD: str(theirs)}
    with subprocess.Popen(
        COMMAND, env=environment, pass_fds=(theirs,), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as child:  # fmt: skip
        os.close(theirs)
        assert child.stdin is not None
        assert child.stderr is not None
        child.stdin.write(json.dumps(asked).encode())
        child.stdin.close()
        assert b"fraction" in child.stderr.readline(), "it is at work"
        os.close(ours)
        assert until(lambda: is_gone(child.pid), within_s=10.0)
        child.stderr.close()
    assert not (tmp_path / "sound").exists()
    assert long.exists(), "what was given to be read is not its own"
