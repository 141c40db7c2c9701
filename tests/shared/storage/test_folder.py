"""What only the folder promises: flushed, private, ordered as keys are, and clear when the disk is the trouble."""

import os
import resource
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.errors import StorageUnavailable
from shared.storage.folder import FolderStorage
from shared.storage.protocol import PART_BYTES, put


@pytest.fixture
def storage(tmp_path):
    return FolderStorage(tmp_path / "root")


def files_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_nothing_is_touched_before_the_first_object(storage, tmp_path):
    assert list(storage.list("a/")) == []
    assert storage.sweep_unfinished(0) == 0
    assert storage.stat("a") is None
    assert not (tmp_path / "root").exists()


def test_an_object_lies_under_its_key_and_fetch_gives_it_without_a_copy(storage, tmp_path):
    put(storage, "2026-11/20/vc_1", b"sound")
    assert storage.fetch("2026-11/20/vc_1", tmp_path / "elsewhere") == tmp_path / "root/objects/2026-11/20/vc_1"
    assert files_below(tmp_path / "root") == ["objects/2026-11/20/vc_1"]


def test_recordings_are_for_their_owner_only(storage, tmp_path):
    put(storage, "a/b/c", b"sound")
    modes = {path.stat().st_mode & 0o077 for path in (tmp_path / "root").rglob("*")}
    assert modes == {0}


def test_keys_are_listed_in_the_order_of_their_characters_across_folders(storage):
    keys = ["a/b-c", "a/b.c", "a/b/c", "a/b/c-d", "a/b_c", "a/c"]
    for key in reversed(keys):
        put(storage, key, b"x")
    assert [found.key for found in storage.list("a/")] == keys


def test_a_disk_that_takes_no_more_is_named_and_leaves_nothing(storage, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (PART_BYTES // 2, hard))  # the nearest thing to a full disk without root
    try:
        with pytest.raises(StorageUnavailable, match="could not write a recording: File too large") as refused:
            put(storage, "a/1", bytes(PART_BYTES))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(tmp_path) not in refused.value.message
    assert files_below(tmp_path / "root") == []


def test_a_link_inside_the_root_is_no_object(storage, tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    put(storage, "a/1", b"x")
    os.symlink(tmp_path / "secret", tmp_path / "root/objects/a/2")
    os.symlink(tmp_path, tmp_path / "root/objects/a/3")
    assert [found.key for found in storage.list("a/")] == ["a/1"]
    assert storage.stat("a/2") is None


def test_the_age_of_an_upload_counts_from_its_last_write(storage, tmp_path):
    with storage.create("a/1") as writer:
        (path,) = (tmp_path / "root/unfinished").iterdir()
        os.utime(path, (0, 0))
        writer.write(b"x")
        assert storage.sweep_unfinished(3600) == 0
        os.utime(path, (0, 0))
        assert storage.sweep_unfinished(3600) == 1


def test_an_object_where_a_folder_is_stays_an_error_of_storage(storage):
    put(storage, "a/1", b"x")
    with pytest.raises(StorageUnavailable):
        put(storage, "a", b"x")
    with pytest.raises(StorageUnavailable):
        put(storage, "a/1/2", b"x")
    storage.delete("a")
    assert storage.stat("a/1") is not None


def folders_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_dir())


def test_a_folder_goes_with_its_last_object_and_the_root_stays(storage, tmp_path):
    for key in ("2026/20/vc_1/a", "2026/20/vc_1/b", "2026/20/vc_2/a", "top"):
        put(storage, key, b"x")
    objects = tmp_path / "root/objects"
    storage.delete("2026/20/vc_1/a")
    assert folders_below(objects) == ["2026", "2026/20", "2026/20/vc_1", "2026/20/vc_2"]
    storage.delete("2026/20/vc_1/b")
    assert folders_below(objects) == ["2026", "2026/20", "2026/20/vc_2"]
    storage.delete("2026/20/vc_2/a")
    storage.delete("top")
    assert list(objects.iterdir()) == []


def test_a_folder_that_vanishes_under_an_upload_is_made_again(storage, tmp_path):
    with storage.create("a/b/1") as writer:
        writer.write(b"sound")
        put(storage, "a/b/2", b"x")
        storage.delete("a/b/2")
        writer.commit()
    assert b"".join(storage.read("a/b/1")) == b"sound"


def test_uploads_survive_deletions_in_the_same_folder(storage, tmp_path):
    def come_and_go(name):
        for turn in range(60):
            key = f"2026/20/vc_{turn % 2}/{name}"
            put(storage, key, name.encode())
            assert b"".join(storage.read(key)) == name.encode()
            storage.delete(key)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(come_and_go, "abcd"))
    assert list((tmp_path / "root/objects").iterdir()) == []


def test_a_storage_whose_disk_went_away_is_unavailable_and_not_empty(tmp_path):
    root = tmp_path / "storage"
    storage = FolderStorage(root)
    storage.prepare()
    put(storage, "samples/a", b"somebody's voice")
    root.rename(tmp_path / "unmounted")
    root.mkdir()  # what a mount point looks like without its disk
    questions = [
        lambda: storage.stat("samples/a"),
        lambda: storage.fetch("samples/a", tmp_path),
        lambda: list(storage.read("samples/a")),
        lambda: list(storage.list("samples/")),
        lambda: storage.delete("samples/a"),
        lambda: storage.create("samples/b"),
        storage.check,
    ]
    for question in questions:
        with pytest.raises(StorageUnavailable):
            question()
    root.rmdir()
    (tmp_path / "unmounted").rename(root)
    assert b"".join(storage.read("samples/a")) == b"somebody's voice"
