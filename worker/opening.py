"""How a relay and a worker begin: on a database that has their tables, or not at all."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from shared import log
from shared.db.migrate import require_current
from shared.errors import DatabaseUnavailable, SetupError
from shared.services import Services
from shared.settings import Settings

_logger = log.get(__name__)


def open_services(settings: Settings) -> Services:
    """Open what the settings name; one that cannot work is told in a sentence, exit code 2.

    A database that is away is waited for like at any later time.
    """
    with told_in_a_sentence():
        services = Services.open(settings)
        try:
            require_current(services.database)
        except DatabaseUnavailable:
            _logger.warning("database_unavailable")
        return services


@contextmanager
def told_in_a_sentence() -> Iterator[None]:
    """End this process with exit code 2 and a sentence where the block finds settings that cannot work."""
    try:
        yield
    except SetupError as error:
        sys.stderr.write(f"clonepipe: {error.message}\n")
        raise SystemExit(2) from None
