"""List prices and limits of others that the plans name: who says so, and when it was read."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class StoragePrices:
    """What an S3 asks for, in US dollars.

    Attributes:
        put: A request that writes, lists or copies (PUT, POST, COPY, LIST).
        get: Any other; DELETE is free.
        gb_month: A gigabyte (10^9 bytes) kept for a month.
        puts_per_s, gets_per_s: What one prefix of keys is good for.
    """

    put: float
    get: float
    gb_month: float
    puts_per_s: int
    gets_per_s: int
    source: str


# aws.amazon.com/s3/pricing (S3 Standard, us-east-1, the first 50 TB) and docs.aws.amazon.com/AmazonS3/latest/userguide,
# "Best practices design patterns: optimizing Amazon S3 performance". From general knowledge, without a network: look
# them up before you sign anything.
S3_STANDARD: Final = StoragePrices(
    put=0.005 / 1000, get=0.0004 / 1000, gb_month=0.023, puts_per_s=3500, gets_per_s=5500,
    source="Amazon S3 Standard, us-east-1, list prices",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CallLimit:
    """What a vendor allows a key, as it documents it."""

    vendor: str
    per_day: int
    source: str


# Buena's page "Rate Limits", 2026-11-20. No other vendor says how often it may be called.
BUENA: Final = CallLimit("buena", 10_000, "60 a minute, 1,000 an hour and 10,000 a day for a key")
