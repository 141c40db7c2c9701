"""Cancelling and trying again over the wire: answers, codes, scopes, and that saying it again changes nothing."""

import pytest

from shared import claims, submissions
from shared.errors import VendorUnavailable
from tests.api.doors.conftest import Door

CLONES = "/api/v2/voice-clones"


def hold(door: Door, job_id: str) -> claims.Claim:
    with door.services.database.write() as session:
        claim = claims.take(session, job_id, owner="test", lease_s=30.0)
    assert claim is not None
    return claim


def fail(door: Door, job_id: str) -> None:
    claim = hold(door, job_id)
    with door.services.database.write() as session:
        claims.fail(session, claim, VendorUnavailable("Nobody was there."))


def test_a_clone_is_cancelled_and_says_what_to_do(door: Door) -> None:
    clone = door.create()
    assert (clone["isCancelable"], clone["isRetryable"]) == (True, False)
    answer = door.client.post(f"{CLONES}/{clone['voiceId']}/cancel")
    body, data = answer.json(), answer.json()["data"]
    assert (answer.status_code, body["success"], body["message"]) == (200, True, "Voice clone cancelled")
    assert (data["status"], data["errorCode"], data["isTerminal"]) == ("failed", "CANCELED", True)
    assert "Create it again" in data["error_message"]
    assert (data["isCancelable"], data["isRetryable"], data["job"]["outcome"]) == (False, False, "canceled")
    again = door.client.post(f"{CLONES}/{clone['voiceId']}/cancel")
    assert (again.status_code, again.json()["data"]) == (200, data)
    refused = door.client.post(f"{CLONES}/{clone['voiceId']}/retry")
    assert (refused.status_code, refused.json()["code"]) == (409, "NOT_RETRYABLE")
    assert refused.json()["details"] == {"code": "CANCELED"}


def test_what_is_still_to_be_removed_is_shown_as_a_job(door: Door) -> None:
    clone = door.create()
    claim = hold(door, clone["job"]["id"])
    with door.services.database.write() as session:
        submissions.intend(session, claim)
    data = door.client.post(f"{CLONES}/{clone['voiceId']}/cancel").json()["data"]
    assert (data["isTerminal"], data["stage"], data["waitingFor"]) == (True, None, None)
    assert (data["job"]["kind"], data["job"]["outcome"]) == ("cancel", None)
    assert door.client.delete(f"{CLONES}/{clone['voiceId']}").status_code == 200


def test_a_failed_clone_is_tried_again(door: Door) -> None:
    clone = door.create()
    early = door.client.post(f"{CLONES}/{clone['voiceId']}/retry")
    assert (early.status_code, early.json()["message"], early.json()["data"]["seq"]) == (200, "It goes on", 1)
    fail(door, clone["job"]["id"])
    failed = door.client.get(f"{CLONES}/{clone['voiceId']}").json()["data"]
    assert (failed["status"], failed["isRetryable"], failed["isCancelable"]) == ("failed", True, False)
    over = door.client.post(f"{CLONES}/{clone['voiceId']}/cancel")
    assert (over.status_code, over.json()["code"], over.json()["details"]) == (
        409,
        "NOT_CANCELABLE",
        {"status": "failed"},
    )
    answer = door.client.post(f"{CLONES}/{clone['voiceId']}/retry")
    data = answer.json()["data"]
    assert (answer.status_code, answer.json()["message"]) == (200, "It is tried again")
    assert (data["status"], data["errorCode"], data["error_message"]) == ("processing", None, None)
    assert (data["isRetryable"], data["isTerminal"], data["job"]["id"]) == (False, False, clone["job"]["id"])


@pytest.mark.parametrize("what", ["cancel", "retry"])
def test_only_its_account_with_the_scope_may(door: Door, what: str) -> None:
    path = f"{CLONES}/{door.create()['voiceId']}/{what}"
    assert door.client.post(path, headers=door.new_account()).json()["code"] == "VOICE_CLONE_NOT_FOUND"
    reader = door.client.post(path, headers=door.new_key("voice:read"))
    assert (reader.status_code, reader.json()["details"]["required"]) == (403, "voice:update")
    assert door.client.post(path, headers={"authorization": ""}).status_code == 401
    assert door.client.post(f"{CLONES}/vc_nothing/{what}").status_code == 404
    assert door.client.post(path, headers=door.new_key("voice:update")).status_code == 200
    assert door.client.get(path).json()["code"] == "METHOD_NOT_ALLOWED"
