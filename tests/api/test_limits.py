"""Limits of requests: what passes, what waits and how long, and what a guesser of keys gets."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.requests import Request

from api.limits import WRONG_KEYS_PER_MINUTE, RequestLimits
from shared.errors import RateLimited
from shared.keys import Caller
from shared.settings import Settings


def limits(per_key: int = 3, per_account: int = 0) -> RequestLimits:
    return RequestLimits(Settings(requests_per_minute_per_key=per_key, requests_per_minute_per_account=per_account))


def caller(key: str = "key_1", account: str = "acc_1") -> Caller:
    return Caller(account, key, frozenset())


def a_request(address: str = "192.0.2.1") -> Request:
    return Request({"type": "http", "headers": [], "client": (address, 1234), "clonepipe.limits": []})


def headers(request: Request) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in request.scope["clonepipe.limits"]}


def passes(counted: RequestLimits, who: Caller) -> bool:
    try:
        counted.count(a_request(), who)
    except RateLimited:
        return False
    return True


def test_a_key_may_ask_so_often_a_minute_and_no_more() -> None:
    counted = limits(3)
    assert [passes(counted, caller()) for _ in range(5)] == [True, True, True, False, False]
    assert passes(counted, caller("key_2"))


def test_keys_of_one_account_share_the_accounts_limit() -> None:
    counted = limits(per_key=0, per_account=3)
    assert [passes(counted, caller(f"key_{number}")) for number in range(4)] == [True, True, True, False]
    assert passes(counted, caller("key_9", "acc_2"))


def test_zero_is_no_limit_and_nothing_is_told_of_it() -> None:
    counted = limits(0, 0)
    assert all(passes(counted, caller()) for _ in range(2000))
    request = a_request()
    counted.count(request, caller())
    assert headers(request) == {}


def test_a_refusal_says_how_long_to_wait() -> None:
    counted = limits(1)
    passes(counted, caller())
    with pytest.raises(RateLimited) as refused:
        counted.count(a_request(), caller())
    details = refused.value.details
    assert (details["limit"], details["policy"], details["window_s"]) == (1, "key", 60)
    assert 1 <= details["retry_after_s"] <= 60


def test_the_headers_tell_every_policy_and_the_nearest_one() -> None:
    counted = limits(per_key=5, per_account=3)
    request = a_request()
    counted.count(request, caller())
    told = headers(request)
    assert told["ratelimit-policy"] == '"key";q=5;w=60, "account";q=3;w=60'
    wait_s = int(told["ratelimit"].rpartition("=")[2])
    assert told["ratelimit"] == f'"key";r=4;t={wait_s}, "account";r=2;t={wait_s}'
    assert 1 <= wait_s <= 61
    assert (told["x-ratelimit-limit"], told["x-ratelimit-remaining"]) == ("3", "2")
    assert 0 <= int(told["x-ratelimit-reset"]) - time.time() <= 61


def test_a_refused_request_is_told_that_nothing_is_left() -> None:
    counted = limits(1, 5)
    passes(counted, caller())
    request = a_request()
    with pytest.raises(RateLimited):
        counted.count(request, caller())
    told = headers(request)
    assert told["x-ratelimit-remaining"] == "0"
    assert '"key";r=0' in told["ratelimit"]


def test_many_threads_pass_no_more_than_the_limit() -> None:
    counted = limits(100)
    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(lambda _: passes(counted, caller()), range(400))) == 100


def wrong_keys(counted: RequestLimits, address: str, times: int = WRONG_KEYS_PER_MINUTE) -> None:
    for _ in range(times):
        counted.check_address(a_request(address), "wrong")
        counted.count_wrong_key(a_request(address))


def test_an_address_that_tries_too_many_wrong_keys_is_not_answered_about_another() -> None:
    counted = limits()
    wrong_keys(counted, "192.0.2.1")
    with pytest.raises(RateLimited) as refused:
        counted.check_address(a_request("192.0.2.1"), "perhaps right")
    assert refused.value.details["policy"] == "address"
    counted.check_address(a_request("192.0.2.2"), "perhaps right")


def test_a_key_that_was_right_before_is_not_locked_out_by_a_neighbour() -> None:
    counted = limits()
    counted.remember("right")
    wrong_keys(counted, "192.0.2.1")
    counted.check_address(a_request("192.0.2.1"), "right")


def test_ipv6_clients_are_counted_by_their_site() -> None:
    counted = limits()
    wrong_keys(counted, "2001:db8::1")
    with pytest.raises(RateLimited):
        counted.check_address(a_request("2001:db8::ffff:1"), "key")
    counted.check_address(a_request("2001:db8:0:1::1"), "key")
