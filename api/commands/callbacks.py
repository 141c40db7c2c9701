"""What the doctor finds of webhooks: the key of their secrets, where they may go, and who is called no more."""

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import select

from api.commands.finding import Finding, State
from shared.settings import Settings
from shared.vault import KEY_FILE, open_vault


def webhooks(chosen: Settings) -> Iterator[Finding]:
    """Look at the key of secrets, at the addresses that are allowed, and at what the database tells of endpoints."""
    yield _key(chosen)
    if chosen.allow_private_webhooks:
        yield Finding(
            "webhooks", State.WARN,
            "CLONEPIPE_ALLOW_PRIVATE_WEBHOOKS is set: whoever has a key can have this machine and its network called.",
        )  # fmt: skip
    yield from _endpoints(chosen)


def _key(chosen: Settings) -> Finding:
    if chosen.secret_key is not None:
        return Finding("secret key", State.OK, "CLONEPIPE_SECRET_KEY seals the secrets of webhooks")
    path = chosen.data_dir / KEY_FILE
    if chosen.database_url.startswith("sqlite"):
        words = "seals the secrets of webhooks" if path.exists() else "will, once made, seal the secrets of webhooks"
        return Finding("secret key", State.OK, f"{path} {words}; back it up with the database")
    return Finding(
        "secret key", State.WARN,
        "CLONEPIPE_SECRET_KEY is not set, so that each machine makes a key of its own in its data folder: what one "
        "seals no other opens. Set the same for all; 'openssl rand -base64 32' makes one.",
    )  # fmt: skip


def _endpoints(chosen: Settings) -> Iterator[Finding]:
    from shared.db.engine import Database, parse_url
    from shared.db.migrate import is_current
    from shared.db.models import WebhookEndpoint
    from shared.errors import DatabaseUnavailable, SetupError

    try:
        url = parse_url(chosen.database_url)
        if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
            return
        database = Database(chosen.database_url)
    except SetupError:
        return  # told of the database itself
    try:
        if not is_current(database):
            return
        with database.read() as session:
            row = WebhookEndpoint
            sealed = session.execute(select(row.id, row.sealed_secret).where(row.sealed_secret.is_not(None))).all()
            off = session.execute(select(row.id, row.disabled_reason).where(row.disabled_reason.is_not(None))).all()
    except DatabaseUnavailable:
        return
    finally:
        database.dispose()
    yield from _unopened(chosen, [(one.id, one.sealed_secret or "") for one in sealed])
    for one in off:
        yield Finding("webhooks", State.WARN, f"{one.id} is called no more. {one.disabled_reason}")


def _unopened(chosen: Settings, sealed: list[tuple[str, str]]) -> Iterator[Finding]:
    from shared.errors import SetupError

    key = chosen.secret_key
    if not sealed:
        return
    if key is None and not (chosen.data_dir / KEY_FILE).exists():
        yield Finding("secret key", State.FAIL, f"{chosen.data_dir / KEY_FILE} is gone: no webhook can be signed.")
        return
    try:
        vault = open_vault(None if key is None else key.get_secret_value(), chosen.data_dir)
        for endpoint_id, secret in sealed:
            vault.open(secret, of=endpoint_id)
    except SetupError as error:
        yield Finding("secret key", State.FAIL, error.message)
