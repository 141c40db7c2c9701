"""`open_storage` reads the scheme, and says what a right one looks like."""

import subprocess
import sys

import pytest

from shared.errors import SetupError
from shared.settings import Settings
from shared.storage import open_storage
from shared.storage.folder import FolderStorage
from shared.storage.protocol import put


@pytest.mark.parametrize("url", ["file://relative/x", "file://", "s3://", "ftp://x/y", "/tmp/x", "http://bucket/x"])
def test_an_address_of_no_known_storage_is_refused_with_what_to_write(url):
    with pytest.raises(SetupError, match=r"file:///absolute/folder .* s3://bucket/prefix"):
        open_storage(Settings(storage_url=url))


def test_a_folder_with_a_space_in_its_name_is_found(tmp_path):
    storage = open_storage(Settings(storage_url=(tmp_path / "ä folder").as_uri()))
    assert isinstance(storage, FolderStorage)
    put(storage, "a", b"x")
    assert (tmp_path / "ä folder/objects/a").read_bytes() == b"x"


def test_a_folder_storage_does_not_pay_for_boto3():
    code = "import sys, shared.storage as s; from shared.settings import Settings;"
    code += "s.open_storage(Settings(storage_url='file:///tmp/x')); sys.exit('boto3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
