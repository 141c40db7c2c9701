"""The same recording twice in one request: a mistake of the sender's, which no vendor is paid for."""

from collections.abc import Iterable

from shared.errors import DuplicateFile


def refuse_twins(recordings: Iterable[tuple[str, str]]) -> None:
    """Look at recordings by (file name, SHA-256). Raises: DuplicateFile: for two of the same bytes."""
    seen: dict[str, str] = {}
    for filename, sha256 in recordings:
        twin = seen.get(sha256)
        if twin is not None:
            raise DuplicateFile(
                f"'{twin}' and '{filename}' are the same recording, byte for byte; send it once.",
                files=[twin, filename],
            )
        seen[sha256] = filename
