"""The root of the tree of errors."""

from collections.abc import Mapping
from typing import Any, ClassVar


class ServiceError(Exception):
    """Something went wrong on our side; the request id lets support find it."""

    code: ClassVar[str] = "INTERNAL_ERROR"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, message: str | None = None, **details: Any) -> None:
        self.message = message or " ".join((type(self).__doc__ or self.code).split())
        self.details: Mapping[str, Any] = details
        super().__init__(self.message)
