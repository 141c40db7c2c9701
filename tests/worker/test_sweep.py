"""What a dead upload or a dead stage left behind is swept, and nothing else."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update

from shared import clones
from shared.db.models import Delivery, DeliveryAttempt, VendorCall, WebhookEndpoint
from shared.db.moment import db_now
from shared.storage.protocol import put
from tests.conftest import an_order
from tests.worker.conftest import Workshop
from worker.sweep import GRACE, sweep, sweep_vendor_calls

LATER = GRACE + timedelta(minutes=1)


def today() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d}"


def leave(workshop: Workshop, key: str) -> None:
    put(workshop.bench.services.storage, key, b"left behind")


def keys(workshop: Workshop) -> set[str]:
    return {stored.key for stored in workshop.bench.services.storage.list("samples/")}


def test_an_object_that_no_row_knows_is_swept_after_the_grace(workshop: Workshop) -> None:
    orphan = f"samples/{today()}/acc_main/vc_gone/smp_gone/original"
    leave(workshop, orphan)
    assert sweep(workshop.bench.services) == 0
    assert keys(workshop) == {orphan}
    assert sweep(workshop.bench.services, now=datetime.now(UTC) + LATER) == 1
    assert keys(workshop) == set()


def test_what_a_row_knows_stays(workshop: Workshop) -> None:
    workshop.order()
    kept = keys(workshop)
    assert len(kept) == 2
    sweep(workshop.bench.services, now=datetime.now(UTC) + LATER)
    assert keys(workshop) == kept


def test_nothing_outside_the_dated_prefix_is_looked_at(workshop: Workshop) -> None:
    leave(workshop, "sandbox/voices/m/sandbox.m.x.json")
    leave(workshop, "samples/2001-01-01/acc_main/vc_old/smp_old/original")
    assert sweep(workshop.bench.services, now=datetime.now(UTC) + LATER) == 0


def test_an_upload_that_was_never_finished_is_aborted(workshop: Workshop) -> None:
    storage = workshop.bench.services.storage
    writer = storage.create(f"samples/{today()}/acc_main/vc_x/smp_x/original")
    writer.write(b"half")
    assert storage.sweep_unfinished(-1) == 1
    assert keys(workshop) == set()
    writer.abort()


def test_what_was_said_to_vendors_is_forgotten_after_a_month(workshop: Workshop) -> None:
    for call_id, age_s in (("call_old", 31 * 86_400), ("call_new", 29 * 86_400)):
        with workshop.database.write() as session:
            session.add(
                VendorCall(
                    id=call_id, clone_id="vc_a", vendor="bland", method="GET", path="/", took_ms=1, answer="",
                    at=db_now(-age_s),
                )
            )  # fmt: skip
    sweep_vendor_calls(workshop.bench.services)
    with workshop.database.read() as session:
        assert list(session.scalars(select(VendorCall.id))) == ["call_new"]


def test_what_was_told_a_month_ago_is_forgotten_with_the_callback_that_nobody_uses(workshop: Workshop) -> None:
    month = 31 * 24 * 3600.0
    for url in ("https://old.example.com/", "https://new.example.com/"):
        with workshop.database.write() as session:
            clones.create(session, replace(an_order(), callback_url=url), max_clones=0, training_typical_s=1)
    with workshop.database.write() as session:
        old = session.scalars(select(WebhookEndpoint.id).where(WebhookEndpoint.url == "https://old.example.com/")).one()
        session.execute(update(WebhookEndpoint).where(WebhookEndpoint.id == old).values(created_at=db_now(-month)))
        told = (
            update(Delivery).where(Delivery.endpoint_id == old).values(created_at=db_now(-month)).returning(Delivery.id)
        )
        session.add(
            DeliveryAttempt(
                delivery_id=session.execute(told).scalar_one(), number=1, at=db_now(), status=500, took_ms=1,
                failure="status", detail="", excerpt="",
            )
        )  # fmt: skip
    sweep(workshop.bench.services)
    with workshop.database.read() as session:
        assert session.scalars(select(WebhookEndpoint.url)).all() == ["https://new.example.com/"]
        assert len(session.scalars(select(Delivery)).all()) == 1
        assert session.scalars(select(DeliveryAttempt)).all() == []
