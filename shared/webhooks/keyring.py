"""The secrets that webhooks are signed with: which sign now, how one is replaced, and under which key they are sealed.

A secret is shown when it is made and never again. A new one signs beside the former for a day, so that a receiver can
be moved from one to the other without refusing anything.
"""

from typing import Final

from sqlalchemy import ColumnElement, and_, case, null, or_, select, update
from sqlalchemy.orm import Session, aliased

from shared.db.models import WebhookEndpoint
from shared.db.moment import db_now
from shared.ids import ENDPOINT, new_id
from shared.states import EndpointKind
from shared.vault import Vault
from shared.webhooks import endpoints
from shared.webhooks.signing import new_secret

ROTATION_S: Final = 24 * 3600.0  # how long a former secret signs beside the new one
_RESEALED_AT_ONCE: Final = 200


def signing_keys(session: Session, vault: Vault, endpoint_id: str) -> tuple[str, ...]:
    """Return the secrets that sign what an endpoint is told, newest first; none: a callback's is not made yet.

    Raises: SetupError: when they were sealed with a key that is not ours.
    """
    told, keeper = aliased(WebhookEndpoint), WebhookEndpoint
    is_accounts = and_(keeper.account_id == told.account_id, keeper.kind == EndpointKind.DEFAULT)
    is_its_own = and_(keeper.id == told.id, told.kind != EndpointKind.CALLBACK)
    former = case((keeper.former_until > db_now(), keeper.former_secret), else_=None)
    row = session.execute(
        select(keeper.id, keeper.sealed_secret, former)
        .join(told, or_(is_its_own, and_(told.kind == EndpointKind.CALLBACK, is_accounts)))
        .where(told.id == endpoint_id)
    ).first()
    if row is None:
        return ()
    return tuple(vault.open(sealed, of=row[0]) for sealed in row[1:] if sealed is not None)


def rotate(session: Session, vault: Vault, account_id: str, endpoint_id: str) -> tuple[endpoints.EndpointView, str]:
    """Give an endpoint a new secret; return it, for the only time. The former signs as well for a day.

    Raises: NotFound.
    """
    if endpoint_id == endpoints.DEFAULT:
        ensure_default(session, vault, account_id)
    known = endpoints.get(session, account_id, endpoint_id)
    secret = new_secret()
    session.execute(
        update(WebhookEndpoint)
        .where(WebhookEndpoint.id == known.id)
        .values(
            former_secret=WebhookEndpoint.sealed_secret,
            former_until=db_now(ROTATION_S),
            sealed_secret=vault.seal(secret, of=known.id),
            updated_at=db_now(),
        )
    )
    return endpoints.get(session, account_id, endpoint_id), secret


def ensure_default(session: Session, vault: Vault, account_id: str) -> None:
    """Make the keeper of the secret that an account's callbacks are signed with, where there is none."""
    kept = select(WebhookEndpoint.id).where(
        WebhookEndpoint.account_id == account_id, WebhookEndpoint.kind == EndpointKind.DEFAULT
    )
    if session.scalar(kept) is None:
        made = new_id(ENDPOINT)
        with endpoints.unless_made_meanwhile(session):
            endpoints.insert_row(
                session, made, account_id, EndpointKind.DEFAULT, None, vault.seal(new_secret(), of=made)
            )


def reseal(session: Session, vault: Vault) -> int:
    """Seal with the first key what was sealed with another; return how many. Raises: SetupError."""
    rows = session.execute(
        select(WebhookEndpoint.id, WebhookEndpoint.sealed_secret, WebhookEndpoint.former_secret)
        .where(WebhookEndpoint.sealed_secret.is_not(None), *_sealed_otherwise(vault))
        .order_by(WebhookEndpoint.id)
        .limit(_RESEALED_AT_ONCE)
        .with_for_update()
    ).all()
    for row in rows:
        anew = {
            name: null() if sealed is None else vault.seal(vault.open(sealed, of=row.id), of=row.id)
            for name, sealed in (("sealed_secret", row.sealed_secret), ("former_secret", row.former_secret))
        }
        session.execute(update(WebhookEndpoint).where(WebhookEndpoint.id == row.id).values(**anew))
    return len(rows)


def any_sealed_otherwise(session: Session, vault: Vault) -> bool:
    """Tell whether a secret is sealed with another key than the first."""
    return session.scalar(select(WebhookEndpoint.id).where(*_sealed_otherwise(vault)).limit(1)) is not None


def _sealed_otherwise(vault: Vault) -> tuple[ColumnElement[bool]]:
    ours = f"{vault.mark}%"
    return (or_(WebhookEndpoint.sealed_secret.not_like(ours), WebhookEndpoint.former_secret.not_like(ours)),)
