"""What is kept of an exchange: enough to argue with, without keys, sound or length."""

import base64
import json
import threading

import pytest

from shared.vendors import journal
from shared.vendors.journal import ANSWER_CHARS, Exchange, kept, note, redacted


def exchange(path: str) -> Exchange:
    return Exchange("bland", "GET", path, 200, 1, None, "", None)


def test_what_is_noted_is_kept_by_whoever_keeps_in_this_thread() -> None:
    note(exchange("/nobody"))
    with kept() as outer:
        note(exchange("/1"))
        with kept() as inner:
            note(exchange("/2"))
        note(exchange("/3"))
        other = threading.Thread(target=note, args=(exchange("/elsewhere"),))
        other.start()
        other.join()
    assert [one.path for one in outer] == ["/1", "/3"]
    assert [one.path for one in inner] == ["/2"]


def test_a_journal_ends_with_its_block_even_when_that_raises() -> None:
    with pytest.raises(ValueError, match="broken"), kept() as exchanges:
        raise ValueError("broken")
    note(exchange("/late"))
    assert exchanges == []
    assert journal._KEPT.get() is None


def test_an_ordinary_answer_is_kept_as_it_is() -> None:
    answer = '{"voice_id": "3f0c", "name": "Änne", "created_at": "2026-11-20T10:00:00Z"}'
    assert redacted(answer.encode()) == answer


def test_given_secrets_are_replaced_wherever_they_stand() -> None:
    found = redacted(b'{"message": "key sk-1 and sk-1 again"}', ("sk-1", ""))
    assert "sk-1" not in found
    assert "again" in found


@pytest.mark.parametrize(
    "field", ["api_key", "apikey", "access_token", "token", "client_secret", "Authorization", "password"]
)
def test_fields_that_hold_secrets_are_emptied(field: str) -> None:
    found = redacted(json.dumps({field: "hush", "name": "Anna"}).encode())
    assert "hush" not in found
    assert "Anna" in found


def test_signed_addresses_lose_what_signs_them() -> None:
    found = redacted(b'{"preview": "https://store.example/a.mp3?X-Amz-Signature=abc&e=1", "next": "x"}')
    assert "abc" not in found
    assert "https://store.example/a.mp3" in found
    assert '"next": "x"' in found


def test_encoded_sound_is_told_by_its_length() -> None:
    sound = base64.b64encode(bytes(range(256)) * 8).decode()
    found = redacted(json.dumps({"audio_base_64": sound, "voice_id": "v1"}).encode())
    assert sound[:120] not in found
    assert f"…{len(sound)} characters…" in found
    assert '"voice_id": "v1"' in found


def test_a_long_answer_is_cut_and_raw_bytes_are_made_readable() -> None:
    assert len(redacted(b"word " * 100_000)) == ANSWER_CHARS
    found = redacted(b"\x00\xff\xfe\x1b[31mred\n\tend")
    assert found.endswith("[31mred\n\tend")
    assert not any(ord(sign) < 32 and sign not in "\n\t" for sign in found)


@pytest.mark.parametrize("cut_at", [ANSWER_CHARS, 4 * ANSWER_CHARS])
def test_a_secret_across_a_cut_is_not_kept_by_half(cut_at: int) -> None:
    """The first cut is made before long runs are shortened, so what stands there may still be shown."""
    secret = "sk." + "s" * 60
    for offset in range(cut_at - 80, cut_at + 5, 5):
        body = "A" * (offset - 100) + " " * 100 + secret
        found = redacted(body.encode(), (secret,))
        assert "sss" not in found
        field = "A" * (offset - 100) + " " * 90 + '"token": "' + secret + '"'
        assert "sss" not in redacted(field.encode())
