"""A whole form: what comes back, what is refused and when, and that a refusal of any kind leaves nothing in storage."""

import asyncio
import hashlib

import anyio
import pytest
from starlette.requests import ClientDisconnect

from api.intake.buffers import BufferPool
from api.intake.recordings import IntakeLimits, receive_form
from shared.errors import (
    EmptyFile,
    FileTooLarge,
    InvalidField,
    InvalidFileFormat,
    MalformedBody,
    RequestError,
    StorageUnavailable,
    TooManyFiles,
    UploadTimeout,
)
from shared.settings import MIB
from shared.storage.folder import FolderStorage
from shared.storage.protocol import PART_BYTES
from tests.api.intake.uploads import body_of, chunked, files_below, run, wav

LIMITS = IntakeLimits(max_files=3, max_file_bytes=20 * MIB, max_fields=4, max_field_bytes=1000)
TYPE = "multipart/form-data; boundary=XX"
FILE = ("files", "a.wav", wav(5000))
BIG = ("files", "big.wav", wav(2 * PART_BYTES + 5))


def receive(tmp_path, body, *, limits=LIMITS, storage=None, length=None, step=65_536, **options):
    """Receive a body (bytes, or a stream of its own); check that no buffer was lost, whatever came of it."""

    async def received():
        pool = BufferPool(3)
        stream = chunked(body[at : at + step] for at in range(0, len(body), step)) if isinstance(body, bytes) else body
        try:
            return await receive_form(
                stream,
                TYPE,
                length,
                storage=storage or FolderStorage(tmp_path),
                buffers=pool,
                limits=limits,
                key_for=lambda index: f"samples/{index}",
                **options,
            )
        finally:
            await asyncio.wait_for(asyncio.gather(*(pool.acquire() for _ in range(3))), 5)

    return run(received())


def refused(tmp_path, error, body, **options):
    """The refusal of a body that leaves nothing behind."""
    with pytest.raises(error) as caught:
        receive(tmp_path, body, **options)
    assert files_below(tmp_path) == []
    return caught.value


def test_files_and_fields_come_back_in_their_order(tmp_path):
    body = body_of(
        [("name", None, "Zoë".encode()), BIG, ("labels", None, b"1"), FILE, ("labels", None, b"2"), ("note", None, b"")]
    )
    form = receive(tmp_path, body)
    assert form.fields == {"name": ("Zoë",), "labels": ("1", "2"), "note": ("",)}
    assert [(one.filename, one.size_bytes, one.object_key) for one in form.recordings] == [
        ("big.wav", len(BIG[2]), "samples/0"), ("a.wav", 5000, "samples/1")
    ]  # fmt: skip
    assert [one.sha256 for one in form.recordings] == [hashlib.sha256(data).hexdigest() for data in (BIG[2], FILE[2])]
    assert files_below(tmp_path) == ["objects/samples/0", "objects/samples/1"]


def test_discard_deletes_what_a_later_check_refuses(tmp_path):
    form = receive(tmp_path, body_of([FILE, BIG]))
    run(form.discard())
    run(form.discard())
    assert files_below(tmp_path) == []


def test_a_form_without_files_is_the_callers_matter(tmp_path):
    assert receive(tmp_path, body_of([("name", None, b"x")])).recordings == ()


def test_files_with_brackets_is_the_same_field(tmp_path):
    assert len(receive(tmp_path, body_of([("files[]", "a.wav", wav(100))])).recordings) == 1


def test_a_file_input_that_was_left_empty_is_no_file(tmp_path):
    assert receive(tmp_path, body_of([("files", "", b""), FILE])).recordings[0].filename == "a.wav"


@pytest.mark.parametrize("file", ['; filename=""', "", '; filename="/"'])
def test_a_file_without_a_name_gets_one(tmp_path, file):
    head = f'--XX\r\nContent-Disposition: form-data; name="files"{file}\r\nContent-Type: audio/wav\r\n\r\n'
    form = receive(tmp_path, head.encode() + wav(100) + b"\r\n--XX--\r\n")
    assert form.recordings[0].filename == "recording-1"


def test_text_in_the_field_for_files_is_refused_with_the_way_to_send_files(tmp_path):
    error = refused(tmp_path, InvalidField, body_of([("files", None, b"a.wav")]))
    assert "files=@recording.wav" in error.message
    assert error.details == {"field": "files"}


def test_a_file_in_another_field_is_refused_by_the_fields_name(tmp_path):
    error = refused(tmp_path, InvalidField, body_of([FILE, ("audio", "b.wav", wav(100))]))
    assert error.details == {"field": "audio"}
    assert "'b.wav'" in error.message
    assert "'files'" in error.message


def test_another_field_may_be_the_one_for_files(tmp_path):
    assert len(receive(tmp_path, body_of([("samples", "a.wav", wav(100))]), file_field="samples").recordings) == 1


def test_a_file_too_many_is_refused_as_it_begins(tmp_path):
    async def never_ending():
        yield body_of([FILE] * 3)[:-8]
        yield b'\r\n--XX\r\nContent-Disposition: form-data; name="files"; filename="d.wav"\r\n\r\n'
        pytest.fail("asked for more than the headers of the file that is one too many")

    error = refused(tmp_path, TooManyFiles, never_ending())
    assert error.details == {"max_files": 3, "rejected_files": ["d.wav"]}


def test_a_file_too_large_is_refused_as_the_limit_is_passed(tmp_path):
    read = 0

    async def never_ending():
        nonlocal read
        yield body_of([FILE, ("files", "long.wav", wav(100))])[:-10]
        while True:
            read += MIB
            yield bytes(MIB)

    error = refused(tmp_path, FileTooLarge, never_ending())
    assert error.details == {"max_size_mb": 20, "rejected_files": [{"filename": "long.wav", "size_mb": 84.1}]}
    assert "more than 84 MB came already" in error.message
    assert read <= 85 * MIB


def test_a_file_too_large_is_told_with_its_own_size_whatever_comes_beside_it(tmp_path):
    body = body_of([("name", None, b"x"), ("files", "long.wav", wav(30 * MIB)), ("files", "b.wav", wav(9 * MIB))])
    error = refused(tmp_path, FileTooLarge, body, length=len(body))
    assert error.details["rejected_files"] == [{"filename": "long.wav", "size_mb": 30}]
    assert "it has 30 MB" in error.message


def test_a_format_nobody_reads_is_refused_with_the_first_bytes(tmp_path):
    async def never_ending():
        yield body_of([FILE, ("files", "b.txt", b"just text" * 1000)])[:-10]
        pytest.fail("asked for more than the first bytes")

    error = refused(tmp_path, InvalidFileFormat, never_ending())
    assert error.details["rejected_files"] == ["b.txt"]


def test_an_empty_file_is_refused(tmp_path):
    error = refused(tmp_path, EmptyFile, body_of([FILE, ("files", "b.wav", b"")]))
    assert error.details == {"rejected_files": ["b.wav"]}


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (("note", None, b"x" * 1001), "'note' is longer than 1000 bytes"),
        (("note", None, b"\xff\xfe"), "'note' is not UTF-8"),
    ],
)
def test_a_text_field_too_long_or_of_no_text_is_refused_by_name(tmp_path, part, told):
    error = refused(tmp_path, InvalidField, body_of([FILE, part]))
    assert told in error.message
    assert error.details["field"] == "note"


def test_a_text_field_of_exactly_the_limit_is_taken(tmp_path):
    assert receive(tmp_path, body_of([("note", None, b"x" * 1000)])).fields["note"] == ("x" * 1000,)


def test_too_many_text_fields_are_refused(tmp_path):
    error = refused(tmp_path, InvalidField, body_of([("x", None, b"1")] * 5))
    assert "more than 4 text fields" in error.message


def test_a_callers_check_refuses_as_its_field_is_complete(tmp_path):
    seen = []

    def check(name, value):
        seen.append((name, value))
        if value == "bad":
            raise RequestError("no good")

    async def never_ending():
        yield body_of([FILE, ("one", None, b"good"), ("two", None, b"bad"), ("three", None, b"")])[:-8]
        pytest.fail("asked for more after the refusal")

    refused(tmp_path, RequestError, never_ending(), on_field=check)
    assert seen == [("one", "good"), ("two", "bad")]


@pytest.mark.parametrize("kept", [30, 2000, -3, -8])
def test_a_body_that_is_cut_leaves_nothing(tmp_path, kept):
    refused(tmp_path, MalformedBody, body_of([BIG, FILE])[:kept])


def test_a_client_that_goes_away_leaves_nothing(tmp_path):
    async def gone():
        yield body_of([FILE, BIG])[: PART_BYTES + 6000]
        raise ClientDisconnect

    refused(tmp_path, ClientDisconnect, gone())


def test_a_client_that_stalls_is_given_up(tmp_path):
    async def stalled():
        yield body_of([FILE, BIG])[: PART_BYTES + 6000]
        await asyncio.sleep(30)

    limits = IntakeLimits(3, 20 * MIB, 4, 1000, min_rate_bytes_s=1000, rate_window_s=0.05)
    refused(tmp_path, UploadTimeout, stalled(), limits=limits)


def test_a_storage_that_is_down_is_told(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageUnavailable):
        receive(tmp_path, body_of([FILE]), storage=FolderStorage(tmp_path / "file"))


@pytest.mark.parametrize("by_scope", [True, False], ids=["anyio", "asyncio"])
def test_a_request_that_is_cancelled_leaves_nothing(tmp_path, by_scope):
    waiting = asyncio.Event()

    async def stalled():
        yield body_of([FILE, BIG])[: PART_BYTES + 6000]
        waiting.set()
        await asyncio.sleep(30)

    async def cancelled():
        with anyio.CancelScope() as scope:
            request = asyncio.current_task()

            async def cancel():
                await waiting.wait()
                if by_scope:
                    scope.cancel()
                else:
                    request.cancel()

            canceller = asyncio.create_task(cancel())
            try:
                await receive_form(
                    stalled(),
                    TYPE,
                    None,
                    storage=FolderStorage(tmp_path),
                    buffers=BufferPool(3),
                    limits=LIMITS,
                    key_for=lambda index: f"samples/{index}",
                )
            finally:
                with anyio.CancelScope(shield=True):
                    await canceller

    if by_scope:
        run(cancelled())
    else:
        with pytest.raises(asyncio.CancelledError):
            run(cancelled())
    assert files_below(tmp_path) == []


def test_uploads_share_buffers_and_all_come_through(tmp_path):
    storage, pool = FolderStorage(tmp_path), BufferPool(4)
    body = body_of([BIG, BIG])

    async def one(number):
        return await receive_form(
            chunked(body[at : at + 500_000] for at in range(0, len(body), 500_000)),
            TYPE,
            len(body),
            storage=storage,
            buffers=pool,
            limits=LIMITS,
            key_for=lambda index: f"samples/{number}/{index}",
        )

    async def all_of_them():
        return await asyncio.gather(*(one(number) for number in range(12)))

    forms = run(all_of_them())
    expected = hashlib.sha256(BIG[2]).hexdigest()
    assert {recording.sha256 for form in forms for recording in form.recordings} == {expected}
    assert len(files_below(tmp_path)) == 24
