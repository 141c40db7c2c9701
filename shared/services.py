"""What a process needs, opened once from the settings: the three URLs and the vendors behind them."""

from dataclasses import dataclass
from typing import Self

from shared.db.engine import Database
from shared.errors import SetupError
from shared.settings import Settings
from shared.states import Queue
from shared.storage import open_storage
from shared.storage.protocol import Storage
from shared.vault import Vault, open_vault
from shared.vendors import Vendors, open_vendors


@dataclass(frozen=True, slots=True)
class Services:
    """The opened services of one process."""

    settings: Settings
    database: Database
    storage: Storage
    vendors: Vendors
    vault: Vault

    @classmethod
    def open(cls, settings: Settings, *, hurried: bool = False) -> Self:
        """Open everything that the settings name; the broker is the doorbell's business. Raises: SetupError.

        `hurried`: for requests, whose senders wait.
        """
        try:
            settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise SetupError(f"CLONEPIPE_DATA_DIR cannot be used: {error.strerror}.") from error
        storage = open_storage(settings, hurried=hurried)
        database = Database(settings.database_url, pool_size=max(10, len(Queue) * settings.worker_threads + 8))
        key = settings.secret_key
        vault = open_vault(None if key is None else key.get_secret_value(), settings.data_dir)
        return cls(settings, database, storage, open_vendors(settings, storage), vault)
