"""The HTTP client behind the command line: what any client of the service could write with httpx."""

import re
import secrets
import ssl
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Self

import httpx

from api.sources import readable
from shared.errors import CloneNotFound, ServiceError, SetupError
from shared.settings import Settings

KEY_FILE = "api-key"
NOT_MODIFIED: Final = 304
_TIMEOUT = httpx.Timeout(30.0, write=300.0)
_KEY: Final = re.compile(r"[!-~]+")  # what a header can carry, and a key is made of
_ID: Final = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Order:
    """A clone to be made: recordings and form fields, and the key under which it is made once."""

    files: tuple[Path, ...]
    fields: Mapping[str, str]
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A clone as it was at one moment, and the tag by which the service knows that it is still so."""

    clone: dict[str, Any]
    tag: str


class Refused(ServiceError):
    """The service refused the request."""

    def __init__(self, envelope: Mapping[str, Any], status: int, retry_after: str | None = None) -> None:
        super().__init__(str(envelope.get("message", "The service refused the request.")))
        self.envelope = envelope
        self.http_status = status
        self.retry_after = retry_after

    @property
    def retry_after_s(self) -> float | None:
        """After how long the same request may be answered; None: it will be refused again."""
        return float(self.retry_after) if self.retry_after and self.retry_after.isdecimal() else None


class Client:
    """Speaks to the native door. Every method raises Refused and SetupError (the service cannot be reached).

    Those that take an id raise CloneNotFound, without asking, for what cannot be one: it would be another address.
    """

    def __init__(self, url: str, key: str) -> None:
        self._url = url.rstrip("/")
        try:
            self._http = httpx.Client(
                base_url=f"{self._url}/api/v2",
                headers={"authorization": f"Bearer {key}"},
                timeout=_TIMEOUT,
                trust_env=False,
            )
        except httpx.InvalidURL as error:
            raise SetupError(
                f"{url!r} is no address of a service ({error}); CLONEPIPE_API_URL sets it, as in http://127.0.0.1:8000."
            ) from error

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Open a client for the service that the settings describe. Raises: SetupError: when there is no key."""
        url = settings.api_url or f"http://{settings.host}:{settings.port}"
        if not url.startswith(("http://", "https://")):
            raise SetupError(f"CLONEPIPE_API_URL is '{url}'; it must begin with http:// or https://.")
        return cls(url, find_key(settings))

    def create(self, order: Order, sent: Callable[[int], None]) -> dict[str, Any]:
        """Upload recordings; `sent` is told how many bytes of them went out so far."""
        # A key for each order: should the answer be lost, sending the same again makes no second clone.
        key = order.idempotency_key or secrets.token_hex(16)
        if not _KEY.fullmatch(key):
            raise SetupError(
                f"The idempotency key {key[:40]!r} cannot be one: it has visible ASCII characters only, no blanks."
            )
        headers = {"idempotency-key": key}
        with ExitStack() as stack:
            counter = _Counter(sent)
            files = [
                ("files", (readable(path.name), _Counted(stack.enter_context(path.open("rb")), counter)))
                for path in order.files
            ]
            return self.ask("POST", "/voice-clones", data=dict(order.fields), files=files, headers=headers)

    def adopt(self, wishes: Mapping[str, str]) -> dict[str, Any]:
        """Make a clone of a voice that exists at a vendor."""
        return self.ask("POST", "/voice-clones/adopt", json=dict(wishes))

    def get(self, voice_id: str) -> dict[str, Any]:
        """Return a clone."""
        return self.ask("GET", _path(voice_id))

    def follow(self, voice_id: str, seen: Seen | None, wait_s: float) -> Seen:
        """Return the clone as soon as it is not as it was `seen`, or as it is after `wait_s` (at most 60)."""
        known = {"if-none-match": seen.tag} if seen is not None else {}
        answer = self._answer("GET", _path(voice_id), params={"wait": wait_s}, headers=known)
        if seen is not None and answer.status_code == NOT_MODIFIED:
            return seen
        return Seen(_data(answer), answer.headers.get("etag", ""))

    def page(self, limit: int, offset: int) -> dict[str, Any]:
        """Return `limit` clones after the newest `offset`, as `voiceClones`, and how many there are, as `total`."""
        return self.ask("GET", "/voice-clones", params={"limit": limit, "offset": offset})

    def cancel(self, voice_id: str) -> dict[str, Any]:
        """Cancel what is going on with a clone; return the clone."""
        return self.ask("POST", f"{_path(voice_id)}/cancel")

    def retry(self, voice_id: str) -> dict[str, Any]:
        """Try again what has failed of a clone; return the clone."""
        return self.ask("POST", f"{_path(voice_id)}/retry")

    def report(self, voice_id: str) -> dict[str, Any]:
        """Return what was measured and done to the clone's recordings."""
        return self.ask("GET", f"{_path(voice_id)}/report")

    def ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """Make a request; return the `data` of its answer, or all of it."""
        return _data(self._answer(method, path, **request))

    def _answer(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **request)
        except httpx.HTTPError as error:
            if (fault := _tls_fault(error)) is not None:
                raise SetupError(
                    f"{self._url} answers, but not over TLS as it should: {fault}. CLONEPIPE_API_URL says which "
                    "address it is, and whether it begins with http:// or https://."
                ) from error
            raise SetupError(
                f"Nothing answers at {self._url} ({type(error).__name__}). 'clonepipe up' starts the service; "
                "CLONEPIPE_API_URL names another."
            ) from error


def _data(answer: httpx.Response) -> dict[str, Any]:
    """Return the `data` of an answer, or all of it. Raises: Refused."""
    try:
        body = answer.json()
    except ValueError:
        body = {}
    if answer.status_code >= 400 or not isinstance(body, dict):
        raise Refused(body if isinstance(body, dict) else {}, answer.status_code, answer.headers.get("retry-after"))
    data = body.get("data")
    return data if isinstance(data, dict) else body


def _tls_fault(error: BaseException) -> str | None:
    """Return what the TLS library says, where it is what failed; httpx hides it two exceptions deep (0.28, 2026-11)."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause.verify_message
        if isinstance(cause, ssl.SSLError):
            return (cause.reason or str(cause)).replace("_", " ").lower()
        cause = cause.__cause__ or cause.__context__
    return None


def _path(voice_id: str) -> str:
    if not _ID.fullmatch(voice_id):
        raise CloneNotFound(
            f"There is no voice clone {voice_id[:40]!r}: an id has letters, digits and '_', as in vc_…."
        )
    return f"/voice-clones/{voice_id}"


def find_key(settings: Settings) -> str:
    """Return the key that this user's commands present. Raises: SetupError: when none is set, or it cannot be one."""
    path = settings.data_dir / KEY_FILE
    for source, secret in (
        ("CLONEPIPE_API_KEY", settings.api_key),
        ("CLONEPIPE_BOOTSTRAP_API_KEY", settings.bootstrap_api_key),
    ):
        if secret is not None:
            return _checked(secret.get_secret_value(), source)
    try:
        return _checked(path.read_bytes().decode("latin-1").strip(), str(path))
    except OSError:
        raise SetupError(
            "No API key: set CLONEPIPE_API_KEY, or run 'clonepipe up' once, which makes one for this machine."
        ) from None


def _checked(key: str, source: str) -> str:
    if not _KEY.fullmatch(key):
        raise SetupError(
            f"{source} holds no API key: one has visible ASCII characters only, no blanks and no line ends. "
            "'clonepipe keys create' makes one."
        )
    return key


class _Counter:
    """Adds up what was sent over all files of a request."""

    def __init__(self, sent: Callable[[int], None]) -> None:
        self._sent = sent
        self._total_bytes = 0

    def add(self, size_bytes: int) -> None:
        self._total_bytes += size_bytes
        self._sent(self._total_bytes)


class _Counted:
    """A file that tells how much of it was read; httpx reads it in blocks and never holds it whole."""

    def __init__(self, file: IO[bytes], counter: _Counter) -> None:
        self._file = file
        self._counter = counter

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._counter.add(len(data))
        return data

    def fileno(self) -> int:
        return self._file.fileno()  # httpx asks for the length, to send it in the part's headers

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()
