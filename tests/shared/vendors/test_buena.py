"""Buena's limits, as its Create Voice Clone page states them."""

from shared.vendors.buena import ENGINES
from shared.vendors.engines import Range


def test_it_takes_one_to_ten_files_under_fifty_megabytes() -> None:
    limits = ENGINES["default"].limits
    assert limits.files == Range(1, 10)
    assert limits.file_bytes.most is not None
    assert limits.file_bytes.most < 50_000_000


def test_it_is_asked_no_more_often_than_its_rate_limit_allows_five_clones_at_once() -> None:
    assert 5 * 60 / ENGINES["default"].poll_every_s <= 60
