"""How keys are listed: within the width of a terminal, with ids that can be copied whole."""

import io
import json
import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
from rich.console import Console

from api.administration import make_key
from api.commands.administration import _keys_table
from shared.errors import NotFound
from shared.ids import ACCOUNT, KEY, new_id
from shared.keys import ALL_SCOPES, KnownKey
from shared.settings import Settings


def shown(*keys: KnownKey) -> str:
    console = Console(file=io.StringIO(), width=80)
    console.print(_keys_table(keys))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def a_key(name: str = "ci", account_id: str = "acc_main", scopes: tuple[str, ...] = tuple(ALL_SCOPES)) -> KnownKey:
    return KnownKey(new_id(KEY), name, account_id, scopes, "cp_1234", is_revoked=False)


def test_the_longest_key_fits_in_eighty_columns_with_its_id_in_one_piece() -> None:
    account_id = new_id(ACCOUNT)
    key = a_key("n" * 255, account_id, tuple(ALL_SCOPES)[:-1])
    text = shown(key)
    assert max(len(line) for line in text.splitlines()) <= 80
    for whole in (key.id, f"account {account_id}", "cp_1234…", "works"):
        assert whole in text
    assert text.count("n") >= 255


def test_keys_stand_under_their_account_and_scopes_without_what_all_share() -> None:
    text = shown(a_key("one"), a_key("two", "acc_other", ("voice:read", "voice:create")), a_key("three"))
    main, _, other = text.partition("account acc_other")
    assert main.count("account acc_main") == 1
    assert ("one" in main, "three" in main, "two" in other) == (True, True, True)
    assert "all" in main
    assert "read, create" in other


def test_no_keys_are_shown_as_nothing() -> None:
    assert shown().strip() == ""


def test_main_is_the_account_that_keys_are_for_without_one(tmp_path: Path) -> None:
    chosen = Settings(data_dir=tmp_path, database_url=f"sqlite:///{tmp_path / 'a.db'}")
    assert [make_key(chosen, "ci", name, None).account_id for name in (None, "main", "acc_main")] == ["acc_main"] * 3
    with pytest.raises(NotFound, match="acc_other"):
        make_key(chosen, "ci", "acc_other", None)


def keys_command(folder: Path, *arguments: str, stdout: str | None = None) -> tuple[int, str, str]:
    """Run `clonepipe keys` on a data folder of its own, writing to a device where one is given."""
    environment = {**os.environ, "CLONEPIPE_DATA_DIR": str(folder / "data")}
    command = [str(Path(sys.executable).with_name("clonepipe")), "keys", *arguments]
    with open(stdout, "w") if stdout else nullcontext(subprocess.PIPE) as output:
        done = subprocess.run(
            command, stdout=output, stderr=subprocess.PIPE, text=True, env=environment, timeout=300, check=False
        )
    return done.returncode, done.stdout or "", done.stderr


def test_looking_for_keys_makes_nothing(tmp_path: Path) -> None:
    assert keys_command(tmp_path, "list", "--json") == (0, "[]\n", "")
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_cannot_be_shown_is_revoked(tmp_path: Path) -> None:
    code, _, told = keys_command(tmp_path, "create", "--name", "ci", stdout="/dev/full")
    assert (code, told.count("\n"), "it was revoked" in told) == (2, 1, True), told
    [key] = json.loads(keys_command(tmp_path, "list", "--json")[1])
    assert key["revoked"]
    code, _, told = keys_command(tmp_path, "list", stdout="/dev/full")
    assert (code, told.count("\n"), "cannot be written" in told) == (2, 1, True), told
