"""Signatures, held against the published library of Standard Webhooks."""

import base64
import time

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from shared.webhooks.signing import PREFIX, new_secret, signed

BODY = '{"type":"voice_clone.ready","data":{"name":"Zoë"}}'


def test_the_published_library_verifies_what_is_signed() -> None:
    key = new_secret()
    headers = signed("msg_1", int(time.time()), BODY.encode(), [key])
    assert Webhook(key).verify(BODY, headers)["type"] == "voice_clone.ready"


def test_both_secrets_verify_while_one_is_replaced() -> None:
    old, new = new_secret(), new_secret()
    headers = signed("msg_1", int(time.time()), BODY.encode(), [new, old])
    for key in (old, new):
        Webhook(key).verify(BODY, headers)


@pytest.mark.parametrize("changed", ["webhook-id", "webhook-timestamp", "body", "key"])
def test_nothing_that_is_signed_can_be_changed(changed: str) -> None:
    key, now_s = new_secret(), int(time.time())
    headers = signed("msg_1", now_s, BODY.encode(), [key])
    other = {"webhook-id": "msg_2", "webhook-timestamp": str(now_s + 1)}
    if changed in other:
        headers[changed] = other[changed]
    receiver = Webhook(new_secret() if changed == "key" else key)
    with pytest.raises(WebhookVerificationError):
        receiver.verify(BODY + " " if changed == "body" else BODY, headers)


def test_a_secret_is_as_long_as_the_standard_wants_and_never_the_same() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert {len(base64.b64decode(key.removeprefix(PREFIX))) for key in made} == {32}
