"""Jobs brought to where a test wants them, without a worker."""

import secrets
from collections.abc import Callable
from dataclasses import replace

from api.intake.void import VoidStorage
from shared import claims, extensions
from shared.claims import Claim
from shared.db.engine import Database
from shared.ids import SAMPLE, new_id
from shared.keys import MAIN_ACCOUNT
from shared.vendors import Vendors
from shared.vendors.sandbox import Sandbox
from tests.conftest import an_order

VENDORS = Vendors((Sandbox(VoidStorage(), 0.0),))


def take(database: Database, job_id: str) -> Claim:
    """Claim a job as a worker does."""
    with database.write() as session:
        claim = claims.take(session, job_id, owner="test", lease_s=30.0)
    assert claim is not None
    return claim


def begin_extension(database: Database, new_clone: Callable[..., tuple[str, str]]) -> tuple[str, str]:
    """Make a clone ready and begin to add a recording to it; return the clone and the job of the addition."""
    clone_id, job_id = new_clone()
    claim = take(database, job_id)
    with database.write() as session:
        claims.finish(session, claim, vendor_voice_id="voice")
    return clone_id, extend(database, clone_id)


def extend(database: Database, clone_id: str) -> str:
    """Begin to add a recording to a ready clone; return the job."""
    (sample,) = an_order().samples
    added = replace(sample, id=new_id(SAMPLE), object_key=f"samples/2026-11-20/{clone_id}/{secrets.token_hex(8)}")
    with database.write() as session:
        return extensions.add(session, VENDORS, MAIN_ACCOUNT, clone_id, (added,))
