"""A page that is not as it was written, or is not there, is counted, wherever the file came from."""

import io
import itertools
from pathlib import Path

import numpy as np
import pytest

from tests.worker.audio.files.test_completeness import OGGS, Make, pages
from tests.worker.audio.signals import tone, write
from worker.audio.files.ogg_pages import OggPages, count_pages


def counted(data: bytes) -> OggPages:
    source = io.BytesIO(data)
    found = count_pages(source)
    assert source.tell() == 0
    return found


@pytest.mark.parametrize("make", OGGS.values(), ids=list(OGGS))
def test_every_page_of_a_whole_file_is_right(tmp_path: Path, make: Make) -> None:
    data = make(tmp_path).read_bytes()
    assert counted(data) == OggPages(len(pages(data)), 0)
    assert counted(data + b"TAG" + bytes(125)) == OggPages(len(pages(data)), 0)
    assert counted(data + data) == OggPages(2 * len(pages(data)), 0), "its numbers begin anew"


@pytest.mark.parametrize("make", OGGS.values(), ids=list(OGGS))
def test_a_flipped_byte_anywhere_breaks_its_page_and_no_other(tmp_path: Path, make: Make) -> None:
    data = make(tmp_path).read_bytes()
    starts = [*pages(data), len(data)]
    random = np.random.default_rng(7)
    for start, end in itertools.pairwise(starts[1:-1]):
        for at in (start, start + 26, start + 27, int(random.integers(start, end))):
            broken = bytearray(data)
            broken[at] ^= 0x55
            assert counted(bytes(broken)) == OggPages(len(starts) - 2, 1), at - start


def test_pages_that_were_taken_out_are_missed(tmp_path: Path) -> None:
    data = write(tmp_path / "a.ogg", tone(9.0, 48_000), 48_000, subtype="OPUS").read_bytes()
    starts = pages(data)
    assert counted(data[: starts[4]] + data[starts[6] :]) == OggPages(len(starts) - 2, 2)


@pytest.mark.parametrize("data", [b"", b"OggS", b"OggS" + bytes(22), b"OggS" + bytes(60), b"x" * 600_000])
def test_other_bytes_are_gone_through_without_harm(data: bytes) -> None:
    assert counted(data).held == 0


def test_bytes_made_to_look_like_pages_cost_no_hours() -> None:
    page = b"OggS" + bytes(22) + b"\xff"
    assert counted(page * 20_000).lost <= 1000
