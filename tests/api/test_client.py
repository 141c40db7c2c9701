"""The client behind the command line: which key it takes, and that an id never becomes another address."""

from pathlib import Path

import pytest

from api.client import KEY_FILE, Client, Order, find_key
from shared.errors import CloneNotFound, SetupError
from shared.settings import Settings


@pytest.mark.parametrize("key", ["schlüssel-123", "cp_123\nx-evil: 1", "cp_123\n", "cp 12345678", "", "cp_\0"])
def test_a_key_that_no_header_can_carry_is_named_and_not_shown(tmp_path: Path, key: str) -> None:
    with pytest.raises(SetupError, match=r"^CLONEPIPE_API_KEY holds no API key") as refused:
        find_key(Settings(data_dir=tmp_path, api_key=key))  # type: ignore[arg-type]
    assert not key or key not in refused.value.message


def test_a_key_file_that_holds_no_key_is_named(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_bytes(b"\xff\xfe\0")
    with pytest.raises(SetupError, match=KEY_FILE):
        find_key(Settings(data_dir=tmp_path))
    (tmp_path / KEY_FILE).write_text("cp_123\n")
    assert find_key(Settings(data_dir=tmp_path)) == "cp_123"


@pytest.mark.parametrize(
    "voice_id", ["../vendors", "..", "", "vc_1/report", "vc_1?limit=1", "vc_1#x", "vc_%2e", "vc ü"]
)
def test_what_cannot_be_an_id_is_no_clone_and_is_not_asked_for(voice_id: str) -> None:
    client = Client("http://127.0.0.1:9", "cp_123")  # where nothing answers
    for ask in (client.get, client.report):
        with pytest.raises(CloneNotFound, match="There is no voice clone"):
            ask(voice_id)


@pytest.mark.parametrize("key", ["ü", "a b", "a\n", "\udcff"])
def test_an_idempotency_key_that_no_header_can_carry_is_refused_before_anything_is_sent(key: str) -> None:
    client = Client("http://127.0.0.1:9", "cp_123")  # where nothing answers
    with pytest.raises(SetupError, match=r"^The idempotency key '.+' cannot be one"):
        client.create(Order((), {}, key), lambda _: None)


@pytest.mark.parametrize("url", ["http://[::1", "http://host:port", "http://a\n"])
def test_an_address_that_cannot_be_one_is_told(url: str) -> None:
    with pytest.raises(SetupError, match=r"is no address of a service .* CLONEPIPE_API_URL sets it"):
        Client.from_settings(Settings(api_url=url, api_key="cp_12345678"))
