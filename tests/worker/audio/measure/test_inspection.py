import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.worker.audio.examined import examined, talk
from worker.audio.measure.inspection import Examination, Inspection
from worker.audio.measure.verdicts import Verdict
from worker.audio.tracks import Span


@pytest.fixture
def found() -> Examination:
    """An examination with a value in every field."""
    plain = examined(talk(12.0))
    inspection = Inspection(
        **{name: getattr(plain.inspection, name) for name in Inspection.__slots__}
        | {"findings": plain.inspection.measures.findings(), "warnings": ("truncated: it ends early",)}
    )
    spans, steps = (Span(1.5, 3.0), Span(7.0, 8.25)), np.linspace(0, 1, 120, dtype=np.float32)
    return Examination(inspection, plain.tracks, np.arange(12, dtype=np.int32), spans, loudness_steps=steps)


def test_an_inspection_survives_being_stored(found: Examination) -> None:
    stored = json.loads(json.dumps(found.inspection.to_json(), allow_nan=False))
    again = Inspection.from_json(stored)
    assert again.to_json() == found.inspection.to_json()
    assert again.findings == found.inspection.findings
    assert Inspection.from_json(stored | {"added_later": 1}) == again


def test_what_is_missing_in_a_stored_inspection_is_an_error(found: Examination) -> None:
    stored = found.inspection.to_json()
    del stored["mix"]
    with pytest.raises(KeyError):
        Inspection.from_json(stored)


def test_the_gravest_finding_is_the_verdict(found: Examination) -> None:
    assert found.inspection.verdict is max(
        (each.verdict for each in found.inspection.findings), key=list(Verdict).index
    )


def test_an_examination_survives_being_saved_bit_for_bit(found: Examination, tmp_path: Path) -> None:
    found.save(tmp_path / "moments.npz")
    again = Examination.load(tmp_path / "moments.npz", found.inspection)
    for name in ("levels_db", "speech", "listened", "bands_db"):
        ours, theirs = getattr(found.tracks, name), getattr(again.tracks, name)
        assert (ours.dtype, ours.shape, ours.tobytes()) == (theirs.dtype, theirs.shape, theirs.tobytes())
    assert again.tracks.by == found.tracks.by
    assert np.array_equal(again.flat_tops_per_s, found.flat_tops_per_s)
    assert again.flat_tops_per_s.dtype == np.int32
    assert again.foreign == found.foreign
    assert again.loudness_steps is not None
    assert np.array_equal(again.loudness_steps, np.linspace(0, 1, 120, dtype=np.float32))
    assert again.inspection is found.inspection


def test_no_foreign_voice_is_saved_as_none(found: Examination, tmp_path: Path) -> None:
    Examination(found.inspection, found.tracks, found.flat_tops_per_s, ()).save(tmp_path / "moments.npz")
    assert Examination.load(tmp_path / "moments.npz", found.inspection).foreign == ()


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9, 0.999])
def test_a_file_that_is_not_whole_raises(found: Examination, tmp_path: Path, kept: float) -> None:
    path = tmp_path / "moments.npz"
    found.save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises((OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile)):
        Examination.load(path, found.inspection)


def test_a_file_with_a_flipped_byte_raises(found: Examination, tmp_path: Path) -> None:
    path = tmp_path / "moments.npz"
    found.save(path)
    broken = bytearray(path.read_bytes())
    broken[len(broken) // 3] ^= 0xFF
    path.write_bytes(broken)
    with pytest.raises((OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile)):
        Examination.load(path, found.inspection)


def test_a_file_of_something_else_raises(found: Examination, tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", levels_db=np.zeros(3))
    with pytest.raises(KeyError):
        Examination.load(tmp_path / "other.npz", found.inspection)
    with pytest.raises(FileNotFoundError):
        Examination.load(tmp_path / "none.npz", found.inspection)
