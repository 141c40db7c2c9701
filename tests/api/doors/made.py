"""Files for the vendor as `prepare` leaves them, for doors that show them."""

import hashlib
from collections.abc import Mapping
from typing import Any

from shared.db.models import PreparedFile
from shared.db.moment import db_now
from shared.keys import MAIN_ACCOUNT
from shared.services import Services
from shared.storage.protocol import put
from worker.audio.choose.planning import Cut
from worker.audio.measure.downmix import Mix
from worker.audio.measure.measures import Measures
from worker.audio.tracks import Span
from worker.audio.treat.recipe import Part, Recipe

PREPARED = b"fLaC" + bytes(range(256)) * 40


def measures(**known: Any) -> dict[str, Any]:
    """Return measures of which nothing else could be measured."""
    nothing: dict[str, Any] = dict.fromkeys(Measures.__slots__)
    given = {"duration_s": 2.0, "speech_s": 1.5, "speech_share": 0.75, "speech_by": "energy"}
    return Measures(**{**nothing, **given, **known}).to_json()


def preparation(taken_s: Mapping[str, float]) -> dict[str, Any]:
    """Return what is stored of a file that is made of so many seconds of each recording, from its first second on."""
    parts = tuple(Part(sample_id, "0" * 64, Mix(None, 0.0), "none", 0.0, 0.0) for sample_id in taken_s)
    cuts = tuple(Cut(part, Span(1.0, 1.0 + one_s)) for part, one_s in enumerate(taken_s.values()))
    notes = [
        {
            "source": sample_id, "denoise": "none", "cap_db": 0.0, "tried": None, "reason": "No noise.",
            "snr_before_db": 31.5, "snr_after_db": 31.5, "voice_kept": None,
        }
        for sample_id in taken_s
    ]  # fmt: skip
    recipe = Recipe(parts, cuts, 24_000, -3.5, "flac").to_json()
    return {"recipe": recipe, "before": measures(), "after": measures(snr_db=31.5), "notes": notes}


def prepare(
    services: Services, clone_id: str, number: int, taken_s: Mapping[str, float], content: bytes = PREPARED
) -> str:
    """Store a file of a clone with its row; return its key."""
    key = f"samples/2026-11-20/acc/{clone_id}/prepared/1-{number}.flac"
    put(services.storage, key, content)
    with services.database.write() as session:
        session.add(
            PreparedFile(
                clone_id=clone_id, number=number, account_id=MAIN_ACCOUNT, job_id="job_a", object_key=key,
                container="flac",
                rate_hz=24_000, duration_s=sum(taken_s.values()), size_bytes=len(content),
                sha256=hashlib.sha256(content).hexdigest(), cleaned=False, preparation=preparation(taken_s),
                peaks=[[-2, 2]], created_at=db_now(),
            )
        )  # fmt: skip
    return key
