"""One file on its way: what is refused and when, that hashing and storing keep order, and that nothing is left."""

import asyncio
import hashlib
import threading
import time

import pytest
from typing_extensions import override

from api.intake.buffers import BufferPool
from api.intake.writer import HEAD_BYTES, RecordingWriter, shown_mb
from shared.errors import EmptyFile, FileTooLarge, InvalidFileFormat, StorageUnavailable
from shared.formats import Container
from shared.settings import MIB
from shared.storage.folder import FolderStorage
from shared.storage.protocol import PART_BYTES
from tests.api.intake.uploads import files_below, run, wav

SIZES = [
    12,
    16,
    4095,
    4096,
    4097,
    HEAD_BYTES,
    HEAD_BYTES + 1,
    PART_BYTES - 1,
    PART_BYTES,
    PART_BYTES + 1,
    3 * PART_BYTES + 7,
]


class WatchedStorage(FolderStorage):
    """A folder that counts who is inside it at once, takes its time, and fails at a given part."""

    def __init__(self, root, *, slow_s=0.0, fails_at_part=None, fails_at_commit=False):
        super().__init__(root)
        self.slow_s, self.fails_at_part, self.fails_at_commit = slow_s, fails_at_part, fails_at_commit
        self.inside, self.most_inside, self.began = 0, 0, threading.Event()

    @override
    def create(self, key, content_type="application/octet-stream"):
        self.content_type = content_type
        return _WatchedWriter(self, super().create(key, content_type))


class _WatchedWriter:
    def __init__(self, watch, writer):
        self.watch, self.writer, self.parts = watch, writer, 0
        self.abort = writer.abort

    def write(self, data):
        self.watch.inside += 1
        self.watch.most_inside = max(self.watch.most_inside, self.watch.inside)
        self.watch.began.set()
        time.sleep(self.watch.slow_s)
        self.parts += 1
        try:
            if self.parts == self.watch.fails_at_part:
                raise StorageUnavailable("the disk is full")
            self.writer.write(data)
        finally:
            self.watch.inside -= 1

    def commit(self):
        self.writer.commit()
        if self.watch.fails_at_commit:
            raise StorageUnavailable("the answer was lost")


def recording(storage, pool, *, max_bytes=100 * MIB):
    return RecordingWriter(storage, pool, key="a/1", filename="my voice.wav", max_bytes=max_bytes)


async def fed(writer, data, step=65_536):
    for start in range(0, len(data), step):
        await writer.write(memoryview(data)[start : start + step])
    return await writer.finish()


async def all_buffers(pool, count):
    """Fails if one of the pool's buffers was lost."""
    return await asyncio.wait_for(asyncio.gather(*(pool.acquire() for _ in range(count))), 1)


@pytest.mark.parametrize("size_bytes", SIZES)
@pytest.mark.parametrize("step", [10_007, 65_536, 7_777_777])
def test_a_file_of_any_size_is_stored_counted_and_hashed(tmp_path, size_bytes, step):
    storage, data = WatchedStorage(tmp_path), wav(size_bytes)

    async def upload():
        pool = BufferPool(4)
        stored = await fed(recording(storage, pool), data, step)
        await all_buffers(pool, 4)
        return stored

    stored = run(upload())
    assert b"".join(storage.read("a/1")) == data
    assert (stored.size_bytes, stored.sha256) == (size_bytes, hashlib.sha256(data).hexdigest())
    assert (stored.filename, stored.container, stored.object_key) == ("my voice.wav", Container.WAV, "a/1")
    assert stored.content_type == storage.content_type == "audio/wav"


def test_parts_are_stored_one_at_a_time_while_the_next_are_received(tmp_path):
    storage = WatchedStorage(tmp_path, slow_s=0.02)

    async def upload():
        pool = BufferPool(3)  # one being stored, one waiting, one being filled: more are never asked for
        await fed(recording(storage, pool), wav(6 * PART_BYTES))
        assert pool.carriers.borrowed_tokens == 0

    run(upload())
    assert storage.most_inside == 1


def test_two_buffers_or_even_one_are_enough(tmp_path):
    async def upload():
        await fed(recording(FolderStorage(tmp_path), BufferPool(1)), wav(3 * PART_BYTES))

    run(asyncio.wait_for(upload(), 30))


def test_a_small_file_needs_no_buffer_and_a_larger_one_only_from_its_64_kib_on(tmp_path):
    async def upload():
        pool = BufferPool(1)
        taken = await pool.acquire()
        small = await asyncio.wait_for(fed(recording(FolderStorage(tmp_path), pool), wav(HEAD_BYTES), 1000), 5)
        assert small.sha256 == hashlib.sha256(wav(HEAD_BYTES)).hexdigest()
        larger = recording(FolderStorage(tmp_path), pool)
        await asyncio.wait_for(larger.write(memoryview(wav(HEAD_BYTES))), 5)
        going_on = asyncio.create_task(larger.write(memoryview(b"x")))
        _, waiting = await asyncio.wait([going_on], timeout=0.05)
        assert waiting
        pool.release(taken)
        await going_on
        data = wav(HEAD_BYTES) + b"x"
        assert (await larger.finish()).sha256 == hashlib.sha256(data).hexdigest()

    run(upload())


def test_a_file_without_bytes_is_refused(tmp_path):
    with pytest.raises(EmptyFile, match=r"'my voice\.wav' has no bytes"):
        run(fed(recording(FolderStorage(tmp_path), BufferPool(1)), b""))
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("size_bytes", [1, 5000])
def test_bytes_of_no_format_are_refused_before_an_object_is_begun(tmp_path, size_bytes):
    writer = recording(FolderStorage(tmp_path), BufferPool(1))
    with pytest.raises(InvalidFileFormat) as refused:
        run(fed(writer, b"x" * size_bytes))
    assert refused.value.details["rejected_files"] == ["my voice.wav"]
    assert refused.value.details["supported_formats"][:4] == ["wav", "mp3", "m4a", "flac"]
    assert "'my voice.wav'" in refused.value.message
    assert files_below(tmp_path) == []


@pytest.mark.parametrize(
    ("more_bytes", "size_mb", "told"), [(1, 1.1, "it has 1.1 MB"), (74 * MIB, 65.1, "more than 65 MB")]
)
def test_a_byte_over_the_limit_is_refused_with_the_size_as_far_as_it_is_known(tmp_path, more_bytes, size_mb, told):
    async def upload():
        writer = recording(FolderStorage(tmp_path), BufferPool(2), max_bytes=MIB)
        data = wav(MIB)

        async def whole():
            await writer.write(memoryview(data)[:MIB])
            for start in range(0, more_bytes, MIB // 16):
                await writer.write(memoryview(data)[: min(MIB // 16, more_bytes - start)])
            await writer.finish()

        with pytest.raises(FileTooLarge) as refused:
            await whole()
        await writer.abort()
        return refused.value

    refused = run(upload())
    assert refused.details == {
        "max_size_mb": 1, "rejected_files": [{"filename": "my voice.wav", "size_mb": size_mb}]
    }  # fmt: skip
    assert told in refused.message
    assert "limit of 1 MB" in refused.message
    assert files_below(tmp_path) == []


def test_a_file_of_exactly_the_limit_is_taken(tmp_path):
    assert run(fed(recording(FolderStorage(tmp_path), BufferPool(1), max_bytes=MIB), wav(MIB))).size_bytes == MIB


@pytest.mark.parametrize("part", [1, 2, 3, 4])
def test_a_storage_that_fails_at_any_part_ends_the_upload_and_keeps_no_buffer(tmp_path, part):
    async def upload():
        pool = BufferPool(4)
        writer = recording(WatchedStorage(tmp_path, fails_at_part=part), pool)
        with pytest.raises(StorageUnavailable, match="the disk is full"):
            await fed(writer, wav(3 * PART_BYTES + 7))
        await writer.abort()
        await all_buffers(pool, 4)

    run(upload())
    assert files_below(tmp_path) == []


def test_an_object_whose_commit_may_have_happened_is_deleted(tmp_path):
    async def upload():
        writer = recording(WatchedStorage(tmp_path, fails_at_commit=True), BufferPool(1))
        with pytest.raises(StorageUnavailable, match="the answer was lost"):
            await fed(writer, wav(100))
        assert files_below(tmp_path) == ["objects/a/1"]
        await writer.abort()

    run(upload())
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("sent_bytes", [0, 100, PART_BYTES, 2 * PART_BYTES + 5])
def test_abort_leaves_nothing_whatever_was_sent(tmp_path, sent_bytes):
    async def upload():
        pool = BufferPool(4)
        writer = recording(WatchedStorage(tmp_path, slow_s=0.01), pool)
        await writer.write(memoryview(wav(sent_bytes)))
        await writer.abort()
        await writer.abort()
        await all_buffers(pool, 4)

    run(upload())
    assert files_below(tmp_path) == []


def test_a_request_cancelled_while_a_part_is_stored_leaves_the_buffer_to_the_thread_until_it_is_done(tmp_path):
    storage = WatchedStorage(tmp_path, slow_s=0.1)

    async def upload():
        pool = BufferPool(4)
        writer = recording(storage, pool)
        request = asyncio.create_task(fed(writer, wav(PART_BYTES)))
        await asyncio.to_thread(storage.began.wait, 5)
        request.cancel()
        await asyncio.wait([request])
        assert request.cancelled()
        assert storage.inside == 1
        await writer.abort()
        assert storage.inside == 0
        await all_buffers(pool, 4)

    run(upload())
    assert files_below(tmp_path) == []


@pytest.mark.parametrize(("size_bytes", "mb"), [(0, 0), (MIB, 1), (MIB + 1, 1.1), (50 * MIB, 50), (60_000_000, 57.3)])
def test_sizes_are_shown_rounded_up_to_a_tenth(size_bytes, mb):
    assert shown_mb(size_bytes) == mb
    assert isinstance(shown_mb(size_bytes), type(mb))
