"""What every storage keeps, said once: the folder on this disk and S3 on a real server."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import SourceMissing, StorageUnavailable
from shared.settings import Settings
from shared.storage import open_storage
from shared.storage.protocol import PART_BYTES, READ_BYTES, checked_key, checked_prefix, put, put_file
from tests.servers import s3_server

__all__ = ["s3_server"]

BLOCK = bytes(range(256)) * 4096 + b"odd"
SIZES = [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES + 7]


def sound(size_bytes):
    """Bytes that repeat with no power of two, so that swapped or repeated parts show."""
    return (BLOCK * (size_bytes // len(BLOCK) + 1))[:size_bytes]


@pytest.fixture(scope="module")
def s3_storage(s3_server):
    """One for all tests: opening it takes boto3 longer than any of them."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_server.environment.items():
            patch.setenv(name, value)
        url = f"s3://{s3_server.bucket}/tests/contract"
        yield open_storage(Settings(storage_url=url, s3_endpoint_url=s3_server.endpoint_url))


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.xdist_group("s3"))])
def storage(request, tmp_path):
    if request.param == "folder":
        yield open_storage(Settings(storage_url=(tmp_path / "a folder").as_uri()))
        return
    storage = request.getfixturevalue("s3_storage")
    yield storage
    storage.sweep_unfinished(0)
    for prefix in ("a/", "ab/", "b/", "samples/"):
        for found in storage.list(prefix):
            storage.delete(found.key)


@pytest.fixture(params=["folder", "s3"])
def broken(request, tmp_path, monkeypatch):
    """A storage that cannot work: a root below a file, a server that is not there."""
    if request.param == "folder":
        (tmp_path / "file").write_bytes(b"")
        return open_storage(Settings(storage_url=(tmp_path / "file" / "below").as_uri()))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    return open_storage(Settings(storage_url="s3://bucket", s3_endpoint_url="http://127.0.0.1:9"))


def content(storage, key, *range_):
    return b"".join(storage.read(key, *range_))


def begun(storage, key, parts):
    writer = storage.create(key)
    for _ in range(parts):
        writer.write(sound(PART_BYTES))
    return writer


@pytest.mark.parametrize("size_bytes", SIZES)
def test_an_object_of_any_size_comes_back_as_it_was(storage, size_bytes, tmp_path):
    data = sound(size_bytes)
    put(storage, "samples/one", data, "audio/wav")
    assert storage.stat("samples/one").size_bytes == size_bytes
    assert content(storage, "samples/one") == data
    assert storage.fetch("samples/one", tmp_path).read_bytes() == data


@pytest.mark.parametrize("size_bytes", [0, 3, 2 * PART_BYTES + 7])
def test_a_local_file_is_stored_whole(storage, size_bytes, tmp_path):
    (tmp_path / "source").write_bytes(sound(size_bytes))
    assert put_file(storage, "samples/one", tmp_path / "source") == size_bytes
    assert content(storage, "samples/one") == sound(size_bytes)


def test_a_buffer_may_be_used_again_after_each_write(storage):
    buffer = bytearray(PART_BYTES)
    expected = bytearray()
    with storage.create("samples/one") as writer:
        for fill, length in ((1, PART_BYTES), (2, PART_BYTES), (3, 5)):
            buffer[:] = bytes([fill]) * PART_BYTES
            writer.write(memoryview(buffer)[:length])
            expected += buffer[:length]
        buffer[:] = bytes(PART_BYTES)
        writer.commit()
    assert content(storage, "samples/one") == expected


@pytest.mark.parametrize("parts", [0, 1, 2])
def test_an_object_is_invisible_until_it_is_committed(storage, parts):
    with begun(storage, "samples/one", parts) as writer:
        assert storage.stat("samples/one") is None
        assert list(storage.list("samples/")) == []
        writer.commit()
    assert storage.stat("samples/one").size_bytes == parts * PART_BYTES


@pytest.mark.parametrize("parts", [0, 1, 2])
def test_leaving_without_commit_leaves_nothing(storage, parts):
    with begun(storage, "samples/one", parts):
        pass
    assert storage.stat("samples/one") is None
    assert storage.sweep_unfinished(0) == 0


def test_an_error_on_the_way_leaves_nothing_and_is_not_hidden(storage):
    with pytest.raises(KeyError), begun(storage, "samples/one", 2):
        raise KeyError
    assert storage.stat("samples/one") is None
    assert storage.sweep_unfinished(0) == 0


def test_abort_is_harmless_after_commit_and_a_second_time(storage):
    with begun(storage, "samples/one", 2) as writer:
        writer.commit()
        writer.abort()
    writer.abort()
    assert content(storage, "samples/one") == sound(PART_BYTES) * 2


def test_what_a_crash_left_is_swept_when_it_is_old_enough(storage):
    put(storage, "samples/whole", b"kept")
    crashed = begun(storage, "samples/one", 2)
    assert storage.sweep_unfinished(3600) == 0
    assert storage.sweep_unfinished(0) == 1
    assert storage.sweep_unfinished(0) == 0
    with pytest.raises(StorageUnavailable):
        crashed.commit()
    crashed.abort()
    assert [found.key for found in storage.list("samples/")] == ["samples/whole"]


@pytest.mark.parametrize("parts", [[1, 1], [PART_BYTES, 5, 5], [PART_BYTES + 1]])
def test_parts_of_a_wrong_size_are_refused(storage, parts):
    with storage.create("samples/one") as writer:
        for length in parts[:-1]:
            writer.write(bytes(length))
        with pytest.raises(ValueError, match="part"):
            writer.write(bytes(parts[-1]))


@pytest.mark.parametrize("size_bytes", [10, PART_BYTES + 1])
@pytest.mark.parametrize(
    ("start", "length"),
    [(0, None), (0, 4), (3, 4), (3, None), (9, 1), (9, 100), (0, 0), (5, 0), (10, None), (2**40, None), (2**40, 5)],
)
def test_a_range_is_what_a_slice_would_be(storage, size_bytes, start, length):
    data = sound(size_bytes)
    put(storage, "samples/one", data)
    assert content(storage, "samples/one", start, length) == data[start : None if length is None else start + length]


def test_reading_comes_in_blocks(storage):
    put(storage, "samples/one", sound(3 * READ_BYTES + 5))
    blocks = [len(block) for block in storage.read("samples/one")]
    assert max(blocks) <= READ_BYTES
    assert sum(blocks) == 3 * READ_BYTES + 5


def test_a_reader_may_stop_early(storage):
    put(storage, "samples/one", sound(3 * READ_BYTES))
    reader = storage.read("samples/one")
    assert next(reader)
    reader.close()
    assert content(storage, "samples/one", 0, 4) == sound(4)


def test_listing_is_by_prefix_in_key_order(storage):
    for key in ("a/10", "a/2", "a/1", "a/b/1", "ab/1", "b/1"):
        put(storage, key, b"x" * len(key))
    assert [(found.key, found.size_bytes) for found in storage.list("a/")] == [
        ("a/1", 3), ("a/10", 4), ("a/2", 3), ("a/b/1", 5)
    ]  # fmt: skip
    assert list(storage.list("c/")) == []


def test_times_are_aware_and_in_utc(storage):
    put(storage, "a/1", b"x")
    found = storage.stat("a/1")
    assert found.modified_at.tzinfo is UTC
    assert abs(datetime.now(UTC) - found.modified_at) < timedelta(minutes=1)
    assert list(storage.list("a/")) == [found] or [listed.key for listed in storage.list("a/")] == ["a/1"]


def test_deleting_twice_is_no_error(storage):
    put(storage, "a/1", b"x")
    storage.delete("a/1")
    storage.delete("a/1")
    storage.delete("never/was")
    assert storage.stat("a/1") is None
    assert list(storage.list("a/")) == []


def test_an_unknown_key_is_none_or_source_missing(storage, tmp_path):
    put(storage, "a/1", b"x")
    for key in ("b", "a/2", "a"):
        assert storage.stat(key) is None
        with pytest.raises(SourceMissing):
            content(storage, key)
        with pytest.raises(SourceMissing):
            content(storage, key, 3, 4)
        with pytest.raises(SourceMissing):
            storage.fetch(key, tmp_path)


def test_of_two_writers_of_one_key_the_last_whole_one_wins(storage):
    with storage.create("a/1") as first, storage.create("a/1") as second:
        first.write(b"first")
        second.write(b"second")
        second.commit()
        assert content(storage, "a/1") == b"second"
        first.commit()
    assert content(storage, "a/1") == b"first"


def test_many_threads_may_use_one_storage(storage):
    threads = [threading.Thread(target=put, args=(storage, f"a/{n}", sound(PART_BYTES + n))) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [content(storage, f"a/{n}") == sound(PART_BYTES + n) for n in range(6)] == [True] * 6


def test_check_passes_and_leaves_nothing(storage):
    storage.check()
    assert storage.stat("check") is None
    assert storage.sweep_unfinished(0) == 0


@pytest.mark.parametrize(
    "use",
    [
        lambda broken: broken.check(),
        lambda broken: put(broken, "a/1", b"x"),
        lambda broken: put(broken, "a/1", sound(PART_BYTES + 1)),
    ],
    ids=["check", "small", "large"],
)
def test_a_storage_that_is_down_says_so_in_a_bounded_time(broken, use, tmp_path):
    began = time.monotonic()
    with pytest.raises(StorageUnavailable) as refused:
        use(broken)
    assert time.monotonic() - began < 20
    assert refused.value.retryable
    assert str(tmp_path) not in refused.value.message
    assert "127.0.0.1" not in refused.value.message


@pytest.mark.parametrize(
    "key",
    [
        *["", "/", "/etc/passwd", "..", "../a", "a/../../b", "a/./b", "a//b", "a/", "A", "a\\b", "é"],
        "a b",
        "a\n",
        "a\0b",
        "a" * 129,
        "a/" * 300 + "a",
    ],
)
def test_a_key_that_could_leave_the_root_is_refused(storage, key, tmp_path):
    for use in (storage.create, storage.stat, storage.delete, content_of(storage)):
        with pytest.raises(ValueError, match="key"):
            use(key)
    with pytest.raises(ValueError, match="key"):
        storage.fetch(key, tmp_path)
    with pytest.raises(ValueError, match="key"):
        list(storage.list(key + "/" if key else ""))


def content_of(storage):
    return lambda key: content(storage, key)


@given(st.text(max_size=20) | st.from_regex(r"[a-z./_-]{1,12}", fullmatch=True))
def test_a_key_that_passes_stays_below_its_root(key):
    try:
        segments = checked_key(key).split("/")
    except ValueError:
        return
    assert all(segment and segment not in (".", "..") and segment.isascii() for segment in segments)
    assert checked_prefix(key + "/") == key + "/"
