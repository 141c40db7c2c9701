"""Where recordings live: one protocol, one file per scheme. `open_storage` is the only place that reads the scheme."""

from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from shared.errors import SetupError, StorageUnavailable
from shared.settings import Settings
from shared.storage.folder import FolderStorage
from shared.storage.protocol import Storage


def open_storage(settings: Settings, *, hurried: bool = False) -> Storage:
    """Return the storage that `storage_url` names; a folder is made. Raises: SetupError.

    `hurried`: somebody waits for each answer, so that a server that is away is told of in seconds.
    """
    url = urlsplit(settings.storage_url)
    if url.scheme == "file" and url.netloc in ("", "localhost") and len(url.path) > 1:
        folder = FolderStorage(Path(unquote(url.path)))
        with suppress(StorageUnavailable):  # it may be back when it is needed; until then every use of it says so
            folder.prepare()
        return folder
    if url.scheme == "s3" and url.netloc:
        from shared.storage.s3 import S3Storage  # boto3 costs a third of a second: paid only by who uses it
        from shared.storage.s3_clients import OF_A_JOB, OF_A_REQUEST

        return S3Storage(
            bucket=url.netloc,
            prefix=url.path,
            endpoint_url=settings.s3_endpoint_url,
            region=settings.s3_region,
            path_style=settings.s3_path_style,
            patience=OF_A_REQUEST if hurried else OF_A_JOB,
        )
    raise SetupError(
        f"CLONEPIPE_STORAGE_URL is {settings.storage_url!r}. "
        "Use file:///absolute/folder (three slashes) or s3://bucket/prefix."
    )
