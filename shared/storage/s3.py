"""Recordings in a bucket (`s3://`): Amazon S3 or a server that speaks its language. The only file that knows boto3.

Credentials come from the standard AWS variables (or the machine's role), never from our settings. An object of one
part or fewer is one request; a longer one is a multipart upload, which S3 shows only when it is complete. It must not
list or sweep outside its prefix.
"""

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from typing_extensions import override
from urllib3.exceptions import HTTPError

from shared.errors import SetupError, SourceMissing, StorageUnavailable
from shared.storage.protocol import (
    PART_BYTES,
    READ_BYTES,
    ObjectWriter,
    Storage,
    StoredObject,
    checked_key,
    checked_prefix,
)

MAX_CONNECTIONS = 32  # threads that may talk to the server at once; more wait for a connection
CONNECT_TIMEOUT_S = 3
CHECK_TIMEOUT_S = 2.5  # plus the second for which boto3 waits for "100 Continue"

_MISSING_CODES = frozenset({"NoSuchKey", "404", "NotFound"})
_NO_SUCH_UPLOAD = "NoSuchUpload"
_BEHIND_THE_END = "InvalidRange"
_IMPATIENT = Config(read_timeout=CHECK_TIMEOUT_S, retries={"mode": "standard", "total_max_attempts": 1})


class S3Storage(Storage):
    """A storage under `prefix` in one bucket, with one client for the work and an impatient one for checks.

    boto3's clients may be shared by threads.

    Raises: SetupError: for an endpoint or a region that cannot be one.
    """

    def __init__(
        self,
        *,
        bucket: str,
        prefix: str = "",
        endpoint_url: str | None = None,
        region: str | None = None,
        path_style: bool | None = None,
    ) -> None:
        self._bucket = bucket
        self._prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""
        by_default = "path" if endpoint_url else "auto"
        addressing = {None: by_default, True: "path", False: "virtual"}[path_style]
        config = Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=30,
            retries={"mode": "standard", "total_max_attempts": 3},
            max_pool_connections=MAX_CONNECTIONS,
            # Servers that are not Amazon's may refuse boto3's own checksums (its default since 2025-01).
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": addressing},
        )
        try:
            session = boto3.session.Session()
            self._client: Any = session.client("s3", endpoint_url=endpoint_url, region_name=region, config=config)
            self._impatient: Any = session.client(
                "s3", endpoint_url=endpoint_url, region_name=region, config=config.merge(_IMPATIENT)
            )
        except (BotoCoreError, ValueError) as error:
            raise SetupError(f"The S3 storage cannot be set up: {error}") from error

    @override
    def create(self, key: str, content_type: str = "application/octet-stream") -> ObjectWriter:
        return S3Writer(self._client, self._place(key), content_type)

    @override
    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        wanted: dict[str, str] = {}
        if start or length is not None:
            end = "" if length is None else str(start + max(length, 1) - 1)
            wanted["Range"] = f"bytes={start}-{end}"
        with _named("read a recording"):
            try:
                answer = self._client.get_object(**self._place(key), **wanted)
            except ClientError as error:
                if _code(error) == _BEHIND_THE_END:
                    return
                raise
            with closing(answer["Body"]) as body:
                if length != 0:
                    yield from body.iter_chunks(READ_BYTES)

    @override
    def fetch(self, key: str, folder: Path) -> Path:
        expected = self.stat(key)
        if expected is None:
            raise SourceMissing
        path: Path | None = None
        try:
            with tempfile.NamedTemporaryFile(dir=folder, prefix="recording-", delete=False) as copy:
                path = Path(copy.name)
                size_bytes = sum(copy.write(block) for block in self.read(key))
            if size_bytes != expected.size_bytes:
                raise SourceMissing(
                    f"A stored recording has {size_bytes} bytes and should have {expected.size_bytes}; upload it again."
                )
        except BaseException as error:
            if path is not None:
                path.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise StorageUnavailable(
                    f"A recording could not be copied to the working folder: {error.strerror or 'I/O error'}."
                ) from error
            raise
        return path

    @override
    def stat(self, key: str) -> StoredObject | None:
        with _named("look up a recording"):
            try:
                answer = self._client.head_object(**self._place(key))
            except ClientError as error:
                if _code(error) in _MISSING_CODES:
                    return None
                raise
        return StoredObject(key, answer["ContentLength"], answer["LastModified"].astimezone(UTC))

    @override
    def delete(self, key: str) -> None:
        with _named("delete a recording"):
            self._client.delete_object(**self._place(key))

    @override
    def list(self, prefix: str) -> Iterator[StoredObject]:
        place = {"Bucket": self._bucket, "Prefix": self._prefix + checked_prefix(prefix)}
        with _named("list recordings"):
            for page in self._client.get_paginator("list_objects_v2").paginate(**place):
                for found in page.get("Contents", ()):
                    key = found["Key"].removeprefix(self._prefix)
                    yield StoredObject(key, found["Size"], found["LastModified"].astimezone(UTC))

    @override
    def sweep_unfinished(self, older_than_s: float) -> int:
        swept = 0
        youngest = datetime.now(UTC) - timedelta(seconds=older_than_s)
        place = {"Bucket": self._bucket, "Prefix": self._prefix}
        with _named("sweep unfinished uploads"):
            for page in self._client.get_paginator("list_multipart_uploads").paginate(**place):
                for upload in page.get("Uploads", ()):
                    if upload["Initiated"].astimezone(UTC) <= youngest:
                        _abort({"Bucket": self._bucket, "Key": upload["Key"]}, upload["UploadId"], self._client)
                        swept += 1
        return swept

    @override
    def check(self) -> None:
        # One key for all checks: what a server that froze stores once it is back, the next check removes. An upload
        # begun in parts would stay open instead, one for each check that it did not answer.
        place = self._place("check")
        with _named("take an object"):
            self._impatient.put_object(**place, Body=b"\0")
            self._impatient.delete_object(**place)

    def _place(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + checked_key(key)}


class S3Writer(ObjectWriter):
    """One object on its way: its first part is kept until a second one shows that a multipart upload is needed."""

    def __init__(self, client: Any, place: dict[str, str], content_type: str) -> None:
        self._client = client
        self._place = place
        self._content_type = content_type
        self._first: bytes | None = None
        self._last_part_came = False
        self._ended = False
        self._upload_id: str | None = None
        self._parts: list[dict[str, Any]] = []

    @override
    def write(self, data: bytes | memoryview) -> None:
        if self._ended or self._last_part_came or len(data) > PART_BYTES:
            raise ValueError("a part behind the last one, or longer than PART_BYTES")
        self._last_part_came = len(data) < PART_BYTES
        if self._upload_id is None:
            if self._first is None:
                self._first = bytes(data)  # the caller reuses its buffer
                return
            with _named("begin an upload"):
                begun = self._client.create_multipart_upload(**self._place, ContentType=self._content_type)
            self._upload_id = begun["UploadId"]
            self._send(self._first)
            self._first = None
        self._send(data)

    def _send(self, data: bytes | memoryview) -> None:
        number = len(self._parts) + 1
        with _named("write a recording"):
            answer = self._client.upload_part(
                **self._place, UploadId=self._upload_id, PartNumber=number, Body=_body(data)
            )
        self._parts.append({"PartNumber": number, "ETag": answer["ETag"]})

    @override
    def commit(self) -> None:
        if self._ended:
            raise ValueError("the object was committed or aborted before")
        with _named("finish a recording"):
            if self._upload_id is None:
                self._client.put_object(**self._place, ContentType=self._content_type, Body=self._first or b"")
            else:
                self._client.complete_multipart_upload(
                    **self._place, UploadId=self._upload_id, MultipartUpload={"Parts": self._parts}
                )
        self._ended, self._first = True, None

    @override
    def abort(self) -> None:
        upload_id = None if self._ended else self._upload_id
        self._ended, self._first = True, None
        if upload_id is not None:
            with _named("abort an upload"):
                _abort(self._place, upload_id, self._client)

    @override
    def __enter__(self) -> Self:
        return self

    @override
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.abort()
        else:  # the error on its way matters more than the leftovers, which the sweep takes
            with suppress(StorageUnavailable):
                self.abort()


def _body(data: bytes | memoryview) -> bytes | bytearray:
    """Return `data` as boto3 wants it: without a copy when it is a whole buffer, as all parts but the last are."""
    if isinstance(data, bytes):
        return data
    if isinstance(data.obj, bytearray) and data.nbytes == len(data.obj):
        return data.obj
    return bytes(data)


def _abort(place: dict[str, str], upload_id: str, client: Any) -> None:
    try:
        client.abort_multipart_upload(**place, UploadId=upload_id)
    except ClientError as error:
        if _code(error) != _NO_SUCH_UPLOAD:  # finished or swept meanwhile
            raise


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def _named(action: str) -> Iterator[None]:
    """Turn what boto3 and the server say into our words, without addresses and keys."""
    try:
        yield
    except ClientError as error:
        if _code(error) in _MISSING_CODES:
            raise SourceMissing from error
        raise StorageUnavailable(f"The object storage could not {action}: it answered {_code(error)}.") from error
    except (BotoCoreError, HTTPError, OSError) as error:
        raise StorageUnavailable(f"The object storage could not {action}: {type(error).__name__}.") from error
