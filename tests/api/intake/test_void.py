"""Where the recordings of a repeated request go: hashed and counted, and nowhere to be found."""

from pathlib import Path

import pytest

from api.intake.buffers import BufferPool
from api.intake.recordings import IntakeLimits, receive_form
from api.intake.void import VoidStorage
from shared.errors import FileTooLarge, SourceMissing
from shared.storage.protocol import put
from tests.api.intake.uploads import body_of, chunked, run, wav

LIMITS = IntakeLimits(max_files=2, max_file_bytes=1000, max_fields=4, max_field_bytes=100)


def receive(body):
    async def receiving():
        return await receive_form(
            chunked([body]), "multipart/form-data; boundary=XX", None, storage=VoidStorage(), buffers=BufferPool(4),
            limits=LIMITS, key_for=lambda index: f"void/{index}",
        )  # fmt: skip

    return run(receiving())


def test_a_form_is_known_as_if_it_were_stored():
    form = receive(body_of([("name", None, b"Anna"), ("files", "a.wav", wav(900))]))
    [recording] = form.recordings
    assert (recording.filename, recording.size_bytes, len(recording.sha256)) == ("a.wav", 900, 64)
    assert form.fields == {"name": ("Anna",)}


def test_the_same_limits_hold():
    with pytest.raises(FileTooLarge):
        receive(body_of([("files", "a.wav", wav(1001))]))


def test_nothing_is_kept():
    storage = VoidStorage()
    put(storage, "a/b", b"data")
    storage.delete("a/b")
    storage.check()
    assert storage.stat("a/b") is None
    assert list(storage.list("a/")) == []
    assert storage.sweep_unfinished(0) == 0
    with pytest.raises(SourceMissing):
        storage.read("a/b")
    with pytest.raises(SourceMissing):
        storage.fetch("a/b", Path("/tmp"))
