import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.worker.audio.examined import talk, tracks_of
from tests.worker.audio.treat.test_recipe import RECIPE
from worker.audio.measure.measures import Measures, measure
from worker.audio.treat.prepared import Note, Prepared


def _stored_once(measures: Measures) -> Measures:
    return Measures.from_json(measures.to_json())


PREPARED = Prepared(
    path=Path("/x/a.flac"),
    container="flac",
    rate_hz=24_000,
    duration_s=3.5,
    size_bytes=168_044,
    sha256="ab" * 32,
    recipe=RECIPE,
    before=_stored_once(measure(tracks_of(talk(10.0)))),
    after=_stored_once(replace(measure(tracks_of(talk(10.0), -80.0)), loudness_lufs=-20.0)),
    notes=(
        Note("smp_1", "none", 0.0, "mask", "It did not help.", 21.5, None, None),
        Note("smp_2", "mask", 14.0, "mask", "Noise was removed.", 16.0, 33.25, 0.875),
    ),
)


def test_everything_but_the_path_and_the_outline_survives_being_stored() -> None:
    stored = json.loads(json.dumps(PREPARED.to_json(), allow_nan=False))
    assert not {"path", "peaks"} & set(stored)
    assert Prepared.from_json(stored, Path("/x/a.flac")) == PREPARED
    assert Prepared.from_json(stored | {"added_later": 1}, Path("/y/b.flac")) == replace(
        PREPARED, path=Path("/y/b.flac")
    )


def test_what_is_missing_is_an_error() -> None:
    stored = PREPARED.to_json()
    del stored["recipe"]
    with pytest.raises(KeyError):
        Prepared.from_json(stored, Path("/x/a.flac"))
