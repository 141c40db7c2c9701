"""Recordings in a bucket (`s3://`): Amazon S3 or a server that speaks its language.

Credentials come from the standard AWS variables (or the machine's role), never from our settings. An object of one
part or fewer is one request; a longer one is a multipart upload, which S3 shows only when it is complete. It must not
list or sweep outside its prefix.
"""

import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from botocore.exceptions import ClientError
from typing_extensions import override

from shared.errors import SourceMissing, StorageUnavailable
from shared.storage.protocol import (
    PART_BYTES,
    READ_BYTES,
    ObjectWriter,
    Storage,
    StoredObject,
    checked_key,
    checked_prefix,
)
from shared.storage.s3_clients import OF_A_JOB, Patience, S3Clients, code_of, is_missing

_NO_SUCH_UPLOAD = "NoSuchUpload"
_BEHIND_THE_END = "InvalidRange"


class S3Storage(Storage):
    """A storage under `prefix` in one bucket. Raises: SetupError: for an endpoint or a region that cannot be one."""

    def __init__(
        self,
        *,
        bucket: str,
        prefix: str = "",
        endpoint_url: str | None = None,
        region: str | None = None,
        path_style: bool | None = None,
        patience: Patience = OF_A_JOB,
    ) -> None:
        self._bucket = bucket
        self._prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""
        self._clients = S3Clients(endpoint_url=endpoint_url, region=region, path_style=path_style, patience=patience)

    @override
    def create(self, key: str, content_type: str = "application/octet-stream") -> ObjectWriter:
        return S3Writer(self._clients, self._place(key), content_type)

    @override
    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        wanted: dict[str, str] = {}
        if start or length is not None:
            end = "" if length is None else str(start + max(length, 1) - 1)
            wanted["Range"] = f"bytes={start}-{end}"
        with self._clients.to("read a recording") as client:
            try:
                answer = client.get_object(**self._place(key), **wanted)
            except ClientError as error:
                if code_of(error) == _BEHIND_THE_END:
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
        with self._clients.to("look up a recording") as client:
            try:
                answer = client.head_object(**self._place(key))
            except ClientError as error:
                if is_missing(error):
                    return None
                raise
        return StoredObject(key, answer["ContentLength"], answer["LastModified"].astimezone(UTC))

    @override
    def delete(self, key: str) -> None:
        with self._clients.to("delete a recording") as client:
            client.delete_object(**self._place(key))

    @override
    def list(self, prefix: str) -> Iterator[StoredObject]:
        place = {"Bucket": self._bucket, "Prefix": self._prefix + checked_prefix(prefix)}
        with self._clients.to("list recordings") as client:
            for page in client.get_paginator("list_objects_v2").paginate(**place):
                for found in page.get("Contents", ()):
                    key = found["Key"].removeprefix(self._prefix)
                    yield StoredObject(key, found["Size"], found["LastModified"].astimezone(UTC))

    @override
    def sweep_unfinished(self, older_than_s: float) -> int:
        swept = 0
        youngest = datetime.now(UTC) - timedelta(seconds=older_than_s)
        place = {"Bucket": self._bucket, "Prefix": self._prefix}
        with self._clients.to("sweep unfinished uploads") as client:
            for page in client.get_paginator("list_multipart_uploads").paginate(**place):
                for upload in page.get("Uploads", ()):
                    if upload["Initiated"].astimezone(UTC) <= youngest:
                        _abort({"Bucket": self._bucket, "Key": upload["Key"]}, upload["UploadId"], client)
                        swept += 1
        return swept

    @override
    def check(self) -> None:
        # A read: what is written is not gone with its deletion where versions are kept, or where the server froze in
        # between, and a server may make a bucket that is not there for whoever writes into it.
        with self._clients.to("be looked into", patiently=False) as client:
            client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix, MaxKeys=1)

    def _place(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + checked_key(key)}


class S3Writer(ObjectWriter):
    """One object on its way: its first part is kept until a second one shows that a multipart upload is needed."""

    def __init__(self, clients: S3Clients, place: dict[str, str], content_type: str) -> None:
        self._clients = clients
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
            with self._clients.to("begin an upload") as client:
                begun = client.create_multipart_upload(**self._place, ContentType=self._content_type)
            self._upload_id = begun["UploadId"]
            self._send(self._first)
            self._first = None
        self._send(data)

    def _send(self, data: bytes | memoryview) -> None:
        number = len(self._parts) + 1
        with self._clients.to("write a recording") as client:
            answer = client.upload_part(**self._place, UploadId=self._upload_id, PartNumber=number, Body=_body(data))
        self._parts.append({"PartNumber": number, "ETag": answer["ETag"]})

    @override
    def commit(self) -> None:
        if self._ended:
            raise ValueError("the object was committed or aborted before")
        with self._clients.to("finish a recording") as client:
            if self._upload_id is None:
                client.put_object(**self._place, ContentType=self._content_type, Body=self._first or b"")
            else:
                client.complete_multipart_upload(
                    **self._place, UploadId=self._upload_id, MultipartUpload={"Parts": self._parts}
                )
        self._ended, self._first = True, None

    @override
    def abort(self) -> None:
        upload_id = None if self._ended else self._upload_id
        self._ended, self._first = True, None
        if upload_id is not None:
            with self._clients.to("abort an upload") as client:
                _abort(self._place, upload_id, client)

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
        if code_of(error) != _NO_SUCH_UPLOAD:  # finished or swept meanwhile
            raise
