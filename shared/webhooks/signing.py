"""Signatures of Standard Webhooks 1.0.0 (standardwebhooks.com, looked up 2026-11-25), the symmetric kind.

What is signed is `ID.TIMESTAMP.BODY`: the id stays over all attempts, the timestamp is each attempt's own.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Final

PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = 32  # the standard wants 24 to 64


def new_secret() -> str:
    """Return a fresh secret, as its endpoint's owner is shown it once."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signed(message_id: str, at_s: int, body: bytes, keys: Sequence[str]) -> dict[str, str]:
    """Return the three headers of an attempt at `at_s` (seconds since 1970), signed with every one of `keys`."""
    content = f"{message_id}.{at_s}.".encode() + body
    signatures = [_signature(content, key) for key in keys]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(signatures),
    }


def _signature(content: bytes, key: str) -> str:
    digest = hmac.new(base64.b64decode(key.removeprefix(PREFIX)), content, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"
