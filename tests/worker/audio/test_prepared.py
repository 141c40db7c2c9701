import json
from pathlib import Path

from worker.audio.prepared import Prepared
from worker.audio.recipe import Recipe, Treatment


def test_everything_but_the_path_survives_being_stored() -> None:
    recipe = Recipe((Treatment("gain", {"target_lufs": -20.0}, {"gain_db": 3.0}),))
    prepared = Prepared(Path("/x/a.wav"), "wav", 24_000, 3.5, 168_044, "ab" * 32, recipe, -20.0, 12.0, None)
    stored = json.loads(json.dumps(prepared.to_json()))
    assert "path" not in stored
    assert Prepared.from_json(stored, Path("/x/a.wav")) == prepared
