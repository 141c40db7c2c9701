"""What a refusal means: the vendor's own table, then the status; and what its owner is told."""

import socket
import time
from email.utils import formatdate

import pytest

from shared.errors import (
    UnknownOutcome,
    VendorAuth,
    VendorError,
    VendorProtocol,
    VendorQuota,
    VendorRateLimited,
    VendorRejected,
    VendorUnavailable,
)
from shared.vendors.answer import Answer, Complaint
from shared.vendors.refusals import Meanings, refusal
from shared.vendors.wire import Wire

NO_TABLE: Meanings = {}


def refused(
    status: int,
    *,
    code: str | None = None,
    words: str | None = None,
    headers: dict[str, str] | None = None,
    body: bytes = b"{}",
    meanings: Meanings = NO_TABLE,
    creates: bool = False,
    retry_after_s: float | None = None,
) -> VendorError:
    answer = Answer(status, headers or {}, body)
    return refusal("retell", answer, Complaint(code, words, retry_after_s), meanings, creates=creates)


@pytest.mark.parametrize(
    ("status", "reading", "creating"),
    [
        (400, VendorRejected, VendorRejected),
        (401, VendorAuth, VendorAuth),
        (402, VendorQuota, VendorQuota),
        (403, VendorAuth, VendorAuth),
        (404, VendorRejected, VendorRejected),
        (408, VendorUnavailable, UnknownOutcome),
        (409, VendorRejected, VendorRejected),
        (413, VendorRejected, VendorRejected),
        (422, VendorRejected, VendorRejected),
        (425, VendorUnavailable, UnknownOutcome),
        (429, VendorRateLimited, VendorRateLimited),
        (500, VendorUnavailable, UnknownOutcome),
        (503, VendorUnavailable, UnknownOutcome),
        (599, VendorUnavailable, UnknownOutcome),
        (200, VendorProtocol, VendorProtocol),
        (302, VendorProtocol, VendorProtocol),
    ],
)
def test_a_status_means_the_same_everywhere(
    status: int, reading: type[VendorError], creating: type[VendorError]
) -> None:
    assert type(refused(status)) is reading
    assert type(refused(status, creates=True)) is creating


def test_a_page_of_html_is_the_edge_in_front_and_no_wrong_key() -> None:
    error = refused(403, body=b"<html>blocked</html>", creates=True)
    assert type(error) is VendorUnavailable
    assert "The edge in front of Retell" in error.message


def test_what_is_declared_decides_whether_it_is_a_page() -> None:
    empty_page = refused(403, headers={"content-type": "text/html; charset=utf-8"}, body=b"blocked")
    assert type(empty_page) is VendorUnavailable
    assert type(refused(403, headers={"content-type": "application/json"}, body=b"<b>no</b>")) is VendorAuth


@pytest.mark.parametrize("creates", [True, False])
def test_a_page_that_is_not_found_is_no_answer_of_the_vendors(creates: bool) -> None:
    error = refused(404, body=b"\n<!DOCTYPE html><title>404</title>", creates=creates)
    assert type(error) is VendorUnavailable
    assert "CLONEPIPE_RETELL_BASE_URL" in error.message
    assert type(refused(404, body=b"", creates=creates)) is VendorRejected


def test_a_key_that_no_header_can_carry_is_never_quoted_and_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        wire = Wire("retell", address, {"authorization": "Bearer top\nsecret"}, lambda _: None)
        with pytest.raises(VendorUnavailable, match="Nothing was sent") as failed:
            wire.ask("POST", "/clone-voice", deadline_s=5, creates=True)
    assert "secret" not in failed.value.message


def test_the_vendors_table_is_asked_first_and_the_exact_status_before_any() -> None:
    meanings: Meanings = {(400, "FULL"): VendorQuota, (None, "FULL"): VendorRejected, (None, "WAIT"): VendorRateLimited}
    assert type(refused(400, code="FULL", meanings=meanings)) is VendorQuota
    assert type(refused(500, code="FULL", meanings=meanings, creates=True)) is VendorRejected
    assert type(refused(400, code="WAIT", meanings=meanings)) is VendorRateLimited
    assert type(refused(400, code="OTHER", meanings=meanings)) is VendorRejected


def test_free_text_decides_nothing() -> None:
    words = "rate limit, quota, unauthorized, FULL"
    assert type(refused(400, words=words, meanings={(None, "FULL"): VendorQuota})) is VendorRejected


def test_words_code_and_remedy_are_told() -> None:
    error = refused(400, code="BAD_NAME", words="The name is too long.")
    assert error.message == (
        "Retell refused (HTTP 400): The name is too long. Change what it names and ask anew, or choose another engine."
    )
    told = {"vendor": "retell", "vendor_status": 400, "vendor_code": "BAD_NAME"}
    assert error.details == {**told, "vendor_words": "The name is too long."}
    assert "BAD_NAME" in refused(400, code="BAD_NAME").message
    assert "CLONEPIPE_RETELL_API_KEY" in refused(401).message
    assert "clonepipe vendors resume retell" in refused(401).message
    assert "billing" in refused(402).message
    assert "larger plan" in refused(400, code="FULL", meanings={(None, "FULL"): VendorQuota}).message
    long = refused(400, words="x" * 100_000)
    assert len(long.message) < 800
    assert len(long.details["vendor_words"]) == 500


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, 30.0),
        ({"retry-after": "5"}, 5.0),
        ({"retry-after": " 2.5 "}, 2.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "-4"}, 0.0),
        ({"retry-after": "1e12"}, 6 * 3600.0),
        ({"retry-after": "inf"}, 30.0),
        ({"retry-after": "nan"}, 30.0),
        ({"retry-after": "soon"}, 30.0),
        ({"retry-after": ""}, 30.0),
        ({"retry-after": "Wed, 99 Foo 2026 00:00:00 GMT"}, 30.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "1500", "retry-after": "60"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "60"}, 60.0),
    ],
)
def test_how_long_to_wait_is_read_in_every_form(headers: dict[str, str], wait_s: float) -> None:
    error = refused(429, headers=headers)
    assert isinstance(error, VendorRateLimited)
    assert error.retry_after_s == wait_s
    assert error.retryable


def test_a_moment_to_wait_for_is_waited_for() -> None:
    error = refused(429, headers={"retry-after": formatdate(time.time() + 3000, usegmt=True)})
    assert isinstance(error, VendorRateLimited)
    assert 2000 < error.retry_after_s <= 3001


@pytest.mark.parametrize(("said", "wait_s"), [(7.0, 7.0), (0.0, 0.0), (-1.0, 0.0), (1e9, 6 * 3600.0)])
def test_what_the_body_says_goes_before_the_header(said: float, wait_s: float) -> None:
    error = refused(429, headers={"retry-after": "99"}, retry_after_s=said)
    assert isinstance(error, VendorRateLimited)
    assert error.retry_after_s == wait_s
