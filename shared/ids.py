"""Names for rows: a prefix that says what it is, and 120 random bits that sort by nothing."""

import secrets
from typing import Final

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u to misread

ACCOUNT, KEY, CLONE, SAMPLE, JOB, SUBMISSION = "acc", "key", "vc", "smp", "job", "sub"
HELD_SAMPLE, CALL = "hsm", "call"  # a sample that a vendor holds; one exchange with a vendor
ENDPOINT, MESSAGE = "whe", "msg"  # who is told by webhook; what each of them is told


def new_id(prefix: str) -> str:
    """Return a fresh identifier such as `vc_8zq2…` (24 characters of randomness)."""
    return f"{prefix}_{random_word(24)}"


def random_word(length: int) -> str:
    """Return `length` random characters, five bits each."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
