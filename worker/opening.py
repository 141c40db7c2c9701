"""How a relay and a worker begin: on a database that has their tables, or not at all."""

import sys

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
    try:
        services = Services.open(settings)
        require_current(services.database)
    except DatabaseUnavailable:
        _logger.warning("database_unavailable")
    except SetupError as error:
        sys.stderr.write(f"clonepipe: {error.message}\n")
        raise SystemExit(2) from None
    return services
