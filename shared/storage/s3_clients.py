"""How S3 is spoken to: boto3's clients, how long they wait, and its errors in our words.

Two clients: one for the work, which tries again, and an impatient one for checks. While a server is known to be silent
the impatient one does everything, so that a request whose upload has failed does not wait as long again for each thing
that it takes back, and the next upload is told at once. boto3's clients may be shared by threads.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from shared.errors import SetupError, SourceMissing, StorageUnavailable

MAX_CONNECTIONS: Final = 32  # threads that may talk to the server at once; more wait for a connection
CONNECT_TIMEOUT_S: Final = 3

_CHECK_TIMEOUT_S: Final = 2.5  # plus the second for which boto3 waits for "100 Continue"
_SILENT_FOR_S: Final = 10.0  # after patience ended; then patience is tried again
_MISSING_CODES: Final = frozenset({"NoSuchKey", "404", "NotFound"})
_NO_BUCKET: Final = "NoSuchBucket"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an answer is waited for, and how often it is asked for."""

    read_timeout_s: float
    attempts: int

    @property
    def config(self) -> Config:
        retries = {"mode": "standard", "total_max_attempts": self.attempts}
        return Config(read_timeout=self.read_timeout_s, retries=retries)


OF_A_JOB: Final = Patience(30, 3)
OF_A_REQUEST: Final = Patience(6, 2)  # somebody waits for the answer, and may send the upload again
OF_A_CHECK: Final = Patience(_CHECK_TIMEOUT_S, 1)


class S3Clients:
    """The clients for one endpoint. Raises: SetupError: for an endpoint or a region that cannot be one."""

    def __init__(
        self, *, endpoint_url: str | None, region: str | None, path_style: bool | None, patience: Patience
    ) -> None:
        by_default = "path" if endpoint_url else "auto"
        config = Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            max_pool_connections=MAX_CONNECTIONS,
            # Servers that are not Amazon's may refuse boto3's own checksums (its default since 2025-01).
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": {None: by_default, True: "path", False: "virtual"}[path_style]},
        )
        try:
            session = boto3.session.Session()
            self.patient, self.impatient = (
                session.client("s3", endpoint_url=endpoint_url, region_name=region, config=config.merge(one.config))
                for one in (patience, OF_A_CHECK)
            )
        except (BotoCoreError, ValueError) as error:
            raise SetupError(f"The S3 storage cannot be set up: {error}") from error
        self._silent_until_s = 0.0

    @contextmanager
    def to(self, action: str, *, patiently: bool = True) -> Iterator[Any]:
        """Give the client to do something with; errors come out in our words, without addresses and keys.

        Raises: SourceMissing, StorageUnavailable.
        """
        is_patient = patiently and time.monotonic() >= self._silent_until_s
        try:
            yield self.patient if is_patient else self.impatient
        except ClientError as error:
            code = code_of(error)
            if is_missing(error):
                raise SourceMissing from error
            advice = " Create the bucket, or name another in CLONEPIPE_STORAGE_URL." if code == _NO_BUCKET else ""
            raise StorageUnavailable(f"The object storage could not {action}: it answered {code}.{advice}") from error
        except (BotoCoreError, HTTPError, OSError) as error:
            if is_patient:  # an impatient failure proves little: it may be slow and no more
                self._silent_until_s = time.monotonic() + _SILENT_FOR_S
            raise StorageUnavailable(f"The object storage could not {action}: {type(error).__name__}.") from error
        else:
            self._silent_until_s = 0.0


def code_of(error: ClientError) -> str:
    """Return the server's own word for an error."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_missing(error: ClientError) -> bool:
    """Whether the server says that there is no such object."""
    return code_of(error) in _MISSING_CODES
