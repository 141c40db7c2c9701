"""What a multipart body may bring before its first boundary (RFC 2046 section 5.1.1): passed over, within bounds.

The parser of python-multipart 0.0.34 takes none, and what it makes of line ends there depends on where chunks are cut.
"""

from typing import Final

from shared.errors import MalformedBody

MAX_PREAMBLE_BYTES: Final = 64 * 1024
_LINE_END: Final = b"\r\n"


class Preamble:
    """Finds the first boundary, which stands at the beginning of a line."""

    def __init__(self, boundary: bytes) -> None:
        self._delimiter = b"--" + boundary
        self._seen = bytearray()
        self.is_over = False

    def feed(self, chunk: bytes) -> bytes:
        """Return what of the body so far begins with the first boundary; nothing while it has not come.

        Raises: MalformedBody: it does not come within MAX_PREAMBLE_BYTES.
        """
        self._seen += chunk
        at = 0 if self._seen.startswith(self._delimiter) else self._seen.find(_LINE_END + self._delimiter)
        if at < 0:
            if len(self._seen) > MAX_PREAMBLE_BYTES:
                raise self.missing()
            return b""
        self.is_over = True
        rest = bytes(self._seen[at:]).removeprefix(_LINE_END)
        self._seen.clear()
        return rest

    def missing(self) -> MalformedBody:
        """Say that no boundary came."""
        if not self._seen.strip():
            return MalformedBody("The body is empty: it has no field and no file.")
        shown = self._delimiter.decode("latin-1")
        return MalformedBody(
            f"The body is not well-formed multipart/form-data: the boundary that its Content-Type names, '{shown}', "
            "begins no line of it. Let your HTTP client make body and header together."
        )
