"""Secrets at rest: what is stored tells nothing, opens only where it belongs, and outlives a change of keys."""

import base64
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shared.errors import SetupError
from shared.vault import KEY_FILE, Vault, open_vault, parse_keys

OLD, NEW = b"o" * 32, b"n" * 32
SECRET = "whsec_c2VjcmV0"


def test_a_secret_comes_back_and_what_is_stored_does_not_show_it() -> None:
    sealed = Vault([OLD]).seal(SECRET, of="row-1")
    assert Vault([OLD]).open(sealed, of="row-1") == SECRET
    assert SECRET not in sealed
    assert Vault([OLD]).seal(SECRET, of="row-1") != sealed


@pytest.mark.parametrize("row", ["row-2", ""])
def test_a_secret_does_not_open_in_another_row(row: str) -> None:
    vault = Vault([OLD])
    with pytest.raises(SetupError, match="another row"):
        vault.open(vault.seal(SECRET, of="row-1"), of=row)


def test_a_changed_secret_does_not_open() -> None:
    vault = Vault([OLD])
    head, _, text = vault.seal(SECRET, of="row-1").rpartition(".")
    data = bytearray(base64.urlsafe_b64decode(text))
    data[-1] ^= 1
    with pytest.raises(SetupError):
        vault.open(f"{head}.{base64.urlsafe_b64encode(data).decode()}", of="row-1")


def test_keys_are_replaced_by_putting_the_new_one_first() -> None:
    sealed = Vault([OLD]).seal(SECRET, of="row-1")
    both = Vault([NEW, OLD])
    assert both.open(sealed, of="row-1") == SECRET
    assert not sealed.startswith(both.mark)
    again = both.seal(SECRET, of="row-1")
    assert again.startswith(both.mark)
    assert Vault([NEW]).open(again, of="row-1") == SECRET
    with pytest.raises(SetupError, match="CLONEPIPE_SECRET_KEY"):
        Vault([NEW]).open(sealed, of="row-1")


def test_keys_are_read_in_either_alphabet_and_several() -> None:
    plain, safe = base64.b64encode(b"\xff" * 32).decode(), base64.urlsafe_b64encode(b"\xfb" * 32).decode()
    assert parse_keys(f" {plain}, {safe}\n") == (b"\xff" * 32, b"\xfb" * 32)


@pytest.mark.parametrize("text", ["", " , ", "short", "c2hvcnQ=", "ü" * 43])
def test_what_is_no_key_is_refused_unshown(text: str) -> None:
    with pytest.raises(ValueError, match="openssl rand") as refused:
        parse_keys(text)
    assert not text.strip(" ,") or text not in str(refused.value)


def test_a_key_of_this_machine_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        vaults = list(pool.map(lambda _: open_vault(None, tmp_path), range(16)))
    sealed = vaults[0].seal(SECRET, of="row-1")
    assert {vault.open(sealed, of="row-1") for vault in vaults} == {SECRET}
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


def test_the_operators_key_goes_before_the_machines(tmp_path: Path) -> None:
    vault = open_vault(base64.b64encode(OLD).decode(), tmp_path)
    assert Vault([OLD]).open(vault.seal(SECRET, of="row-1"), of="row-1") == SECRET
    assert not list(tmp_path.iterdir())


def test_a_broken_key_file_is_named(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_text("not a key")
    with pytest.raises(SetupError, match=KEY_FILE):
        open_vault(None, tmp_path)
