"""What only S3 has: requests counted, other people's prefixes, credentials, and servers that go or lie."""

import io
import secrets
import signal
import socket
import threading
import time

import pytest
from botocore.awsrequest import AWSResponse
from urllib3 import HTTPResponse

from shared.errors import SetupError, SourceMissing, StorageUnavailable
from shared.storage.protocol import PART_BYTES, put
from shared.storage.s3 import S3Storage
from shared.storage.s3_clients import OF_A_REQUEST
from tests.servers import s3_server, seaweed

__all__ = ["s3_server"]

pytestmark = pytest.mark.xdist_group("s3")


@pytest.fixture
def opened(s3_server, monkeypatch):
    """Opens storages on the real server, in one bucket."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    top = secrets.token_hex(4)

    def open_one(prefix="", **options):
        settings = {"bucket": s3_server.bucket, "endpoint_url": s3_server.endpoint_url} | options
        return S3Storage(prefix=f"{top}/{prefix}", **settings)

    return open_one


@pytest.mark.parametrize(("size_bytes", "parts"), [(0, None), (PART_BYTES, None), (PART_BYTES + 1, 2)])
def test_an_object_of_one_part_is_one_request_and_a_longer_one_is_multipart(opened, size_bytes, parts):
    storage = opened()
    put(storage, "a/1", bytes(size_bytes), "audio/wav")
    stored = storage._clients.patient.head_object(**storage._place("a/1"))
    _, _, number = stored["ETag"].strip('"').partition("-")
    assert number == ("" if parts is None else str(parts))
    assert stored["ContentType"] == "audio/wav"


def test_the_prefix_stands_before_every_key_and_is_not_shown(opened):
    put(opened("some/prefix/"), "a/1", b"x")
    assert [found.key for found in opened("some").list("prefix/")] == ["prefix/a/1"]
    assert [found.key for found in opened("some/prefix").list("a/")] == ["a/1"]


def test_a_sweep_leaves_uploads_under_other_prefixes_alone(opened):
    ours, theirs = opened("ours"), opened("theirs")
    for storage in (ours, theirs):
        writer = storage.create("a/1")
        for _ in range(2):
            writer.write(bytes(PART_BYTES))
    assert ours.sweep_unfinished(0) == 1
    assert ours.sweep_unfinished(0) == 0
    assert theirs.sweep_unfinished(0) == 1


def test_more_objects_than_one_page_are_listed(opened):
    storage = opened()
    for number in range(7):
        put(storage, f"a/{number}", b"x")
    storage._clients.patient.meta.events.register("before-parameter-build.s3.ListObjectsV2", small_pages)
    assert [found.key for found in storage.list("a/")] == [f"a/{number}" for number in range(7)]


def small_pages(params, **_):
    params["MaxKeys"] = 3


def test_wrong_credentials_are_told_by_the_servers_code(opened, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(StorageUnavailable, match="SignatureDoesNotMatch"):
        opened().check()


def test_a_check_makes_no_bucket_and_no_object(opened, s3_server):
    client, name = s3_server.client(), f"new-{secrets.token_hex(4)}"
    with pytest.raises(StorageUnavailable, match="Create the bucket"):
        opened(bucket=name).check()
    assert name not in [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]
    client.create_bucket(Bucket=name)
    opened(bucket=name).check()
    assert "Contents" not in client.list_objects_v2(Bucket=name)
    client.delete_bucket(Bucket=name)


def test_a_missing_bucket_is_told_and_not_taken_for_a_missing_recording(opened):
    with pytest.raises(StorageUnavailable, match="NoSuchBucket"):
        list(opened(bucket="not-there").read("a/1"))


def test_a_server_that_dies_is_told_in_a_bounded_time(monkeypatch, tmp_path):
    with seaweed() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        storage = S3Storage(bucket=server.bucket, endpoint_url=server.endpoint_url)
        put(storage, "a/1", b"x")
        writer = storage.create("a/2")
        for _ in range(2):
            writer.write(bytes(PART_BYTES))
        server.process.kill()
        server.process.wait()
        began = time.monotonic()
        for use in (
            writer.commit,
            writer.abort,
            lambda: storage.stat("a/1"),
            lambda: storage.fetch("a/1", tmp_path),
            lambda: storage.delete("a/1"),
            lambda: list(storage.list("a/")),
            lambda: storage.sweep_unfinished(0),
        ):
            with pytest.raises(StorageUnavailable):
                use()
        assert time.monotonic() - began < 60
        assert list(tmp_path.iterdir()) == []


def test_a_check_of_a_server_that_is_frozen_is_told_soon_and_leaves_nothing_once_it_is_back(monkeypatch):
    with seaweed() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        storage = S3Storage(bucket=server.bucket, endpoint_url=server.endpoint_url)
        server.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises(StorageUnavailable, match="ReadTimeoutError"):
            storage.check()
        assert time.monotonic() - began < 6
        server.process.send_signal(signal.SIGCONT)
        storage.check()
        assert storage.sweep_unfinished(0) == 0


def test_a_request_waits_less_for_a_frozen_server_and_least_when_it_is_known(monkeypatch):
    with seaweed() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        storage = S3Storage(bucket=server.bucket, endpoint_url=server.endpoint_url, patience=OF_A_REQUEST)
        writer = storage.create("a/1")
        for _ in range(2):
            writer.write(bytes(PART_BYTES))
        server.process.send_signal(signal.SIGSTOP)
        took_s = []
        for use in (lambda: writer.write(bytes(PART_BYTES)), writer.abort, lambda: put(storage, "a/2", b"x")):
            began_s = time.monotonic()
            with pytest.raises(StorageUnavailable):
                use()
            took_s.append(time.monotonic() - began_s)
        server.process.send_signal(signal.SIGCONT)
        assert took_s[0] < 18
        assert max(took_s[1:]) < 6
        put(storage, "a/3", b"x")
        assert storage.stat("a/3") is not None
        storage.sweep_unfinished(0)
        assert storage.sweep_unfinished(0) == 0


@pytest.fixture
def lying_server():
    """Answers HEAD with ten bytes and GET with fewer, then hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))
    answers = {b"HEAD": (10, b""), b"GET ": (4, b"four")}

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                size, body = answers[connection.recv(65536)[:4]]
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\nLast-Modified: Fri, 20 Nov 2026 10:00:00 GMT\r\n"
                connection.sendall(head.encode() + b"Connection: close\r\n\r\n" + body)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}", answers
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


def test_a_fetched_copy_of_another_size_is_refused_and_removed(lying_server, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    address, _ = lying_server
    with pytest.raises(SourceMissing, match="has 4 bytes and should have 10"):
        S3Storage(bucket="b", endpoint_url=address).fetch("a/1", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_answer_cut_in_the_middle_is_storage_unavailable(lying_server, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    address, answers = lying_server
    answers[b"GET "] = (10, b"four")
    with pytest.raises(StorageUnavailable, match="could not read a recording"):
        S3Storage(bucket="b", endpoint_url=address).fetch("a/1", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [{"endpoint_url": "no address"}, {"region": "no region!"}])
def test_an_endpoint_or_region_that_cannot_be_is_a_setup_error(options):
    with pytest.raises(SetupError):
        S3Storage(bucket="b", **options)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "https://bucket.s3.eu-west-1.amazonaws.com/k"),
        ({"path_style": True}, "https://s3.eu-west-1.amazonaws.com/bucket/k"),
        ({"endpoint_url": "http://127.0.0.1:9"}, "http://127.0.0.1:9/bucket/k"),
        ({"endpoint_url": "http://s3.test:9", "path_style": False}, "http://bucket.s3.test:9/k"),
    ],
)
def test_the_bucket_stands_in_the_path_or_in_the_host(options, expected, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    seen = []

    def answer(request, **_):
        seen.append(request.url)
        return AWSResponse(request.url, 204, {}, HTTPResponse(io.BytesIO(), preload_content=False))

    storage = S3Storage(bucket="bucket", region="eu-west-1", **options)
    storage._clients.patient.meta.events.register("before-send.s3", answer)
    storage.delete("k")
    assert seen == [expected]
