"""An hour of sound holds nobody up who sends ten seconds, and shows how far it is."""

from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from tests.processes import until
from tests.stack import running_stack
from tests.worker.audio.signals import spoken

RATE_HZ = 16_000
HOUR_S, SAID_S = 3_600, 10  # a sentence or two in every minute: what is silent takes no room in the file


def _written(path: Path, minutes: int, minute_s: int) -> Path:
    minute = np.zeros(minute_s * RATE_HZ, np.float32)
    minute[: SAID_S * RATE_HZ] = 0.3 * spoken(SAID_S, RATE_HZ)[0]
    with soundfile.SoundFile(path, "w", RATE_HZ, 1, subtype="PCM_16") as target:
        for _ in range(minutes):
            target.write(minute)
    return path


def test_an_hour_does_not_hold_up_ten_seconds_and_shows_how_far_it_is(tmp_path: Path) -> None:
    hour, seconds = _written(tmp_path / "hour.flac", 60, 60), _written(tmp_path / "short.flac", 1, SAID_S)
    shown: dict[str, list[int]] = {"validate": [], "prepare": [], "submit": [], "track": []}
    with running_stack(sandbox_training_s=0) as stack:
        long = stack.create("Long", hour)

        def look() -> dict[str, Any]:
            found = stack.get(long)
            if found["status"] == "processing":
                shown[found["stage"]].append(found["training_progress"])
            return found

        assert until(lambda: bool(look()["training_progress"]), within_s=60.0)
        begun_at = look()["stage"]
        short = stack.create("Short", seconds)
        assert until(lambda: look() and stack.get(short)["status"] == "ready", within_s=120.0)
        stages = list(shown)
        assert stages.index(look()["stage"]) - stages.index(begun_at) <= 1, "not longer than one stage of the hour"
        assert until(lambda: look()["status"] == "ready", within_s=300.0)
    for stage, (first, past) in {"validate": (0, 10), "prepare": (10, 40)}.items():
        assert shown[stage] == sorted(shown[stage])
        assert [percent for percent in shown[stage] if first < percent < past], f"{stage} shows how far it is"
