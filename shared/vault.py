"""Secrets at rest: sealed with AES-256-GCM under the operator's keys, and opened only to be used.

A sealed secret names the key that it was sealed with and opens only for the row that it was sealed for. The first key
seals; all of them open, so that a key can be replaced: put the new one first, seal everything anew, take away the old.
"""

import base64
import contextlib
import hashlib
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.errors import SetupError

KEY_BYTES: Final = 32
KEY_FILE: Final = "secret-key"
_VERSION: Final = "v1"
_NONCE_BYTES: Final = 12  # NIST SP 800-38D: 96 random bits are safe for four thousand million secrets a key


class Vault:
    """Seals and opens secrets under one or several keys of 32 bytes."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = {_name_of(key): AESGCM(key) for key in keys}
        self._first = next(iter(self._keys))

    def seal(self, secret: str, *, of: str) -> str:
        """Return a secret as it may be stored, in the row whose id is `of` and in no other."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._keys[self._first].encrypt(nonce, secret.encode(), of.encode())
        return f"{_VERSION}.{self._first}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, *, of: str) -> str:
        """Return the secret. Raises: SetupError: its key is not among ours, or it is another row's or was changed."""
        version, _, rest = sealed.partition(".")
        name, _, text = rest.partition(".")
        key = self._keys.get(name)
        if version != _VERSION or key is None:
            raise SetupError(
                f"A secret was sealed with the key '{name[:8]}', which is not in CLONEPIPE_SECRET_KEY. Add that key "
                "behind the present one."
            )
        data = base64.urlsafe_b64decode(text)
        try:
            return key.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], of.encode()).decode()
        except InvalidTag:
            raise SetupError("A sealed secret was changed, or is another row's.") from None

    @property
    def mark(self) -> str:
        """What every secret begins with that is sealed with the first key."""
        return f"{_VERSION}.{self._first}."


def parse_keys(text: str) -> tuple[bytes, ...]:
    """Return the keys of a comma-separated list, each 32 bytes in base64. Raises: ValueError: without the value."""
    keys = []
    for word in filter(None, (word.strip() for word in text.split(","))):
        try:
            key = base64.b64decode(word.replace("-", "+").replace("_", "/"), validate=True)
        except ValueError:  # of base64, or of characters that no base64 has
            key = b""
        if len(key) != KEY_BYTES:
            raise ValueError(f"each key must be {KEY_BYTES} bytes in base64; 'openssl rand -base64 32' makes one")
        keys.append(key)
    if not keys:
        raise ValueError("it holds no key; 'openssl rand -base64 32' makes one")
    return tuple(keys)


def open_vault(text: str | None, data_dir: Path) -> Vault:
    """Return the vault under the operator's keys, or under the one that this machine keeps. Raises: SetupError."""
    if text is not None:
        return Vault(parse_keys(text))
    path = data_dir / KEY_FILE
    try:
        if not path.exists():
            _make(path)
        return Vault(parse_keys(path.read_text()))
    except OSError as error:
        raise SetupError(f"The key of secrets in {path} cannot be used: {error.strerror}.") from error
    except ValueError as error:
        raise SetupError(f"The key of secrets in {path} cannot be used: {error}.") from None


def _make(path: Path) -> None:
    """Make a key where there is none. It appears whole or not at all, and of two processes one wins."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()


def _name_of(key: bytes) -> str:
    """Return what a key is called in what it sealed: it tells nothing of the key."""
    return hashlib.sha256(b"clonepipe secret key\0" + key).hexdigest()[:8]
