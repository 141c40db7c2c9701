"""How fast recordings are taken in, against what moving the same bytes costs without us.

Floors: `boto3.upload_file` of the same bytes (its default TransferConfig: parts of 8 MiB, ten threads) into the sink
that our API stores into as well; a plain write and fsync of them; and an ASGI application that reads and forgets them.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.bench.machine import cpu_of
from tests.bench.rounds import ROUNDS, Reading, Subject, Table, compare, interleave
from tests.bench.service import AWS, KEY, Server, running_api, running_bare, running_sink, s3_settings
from tests.bench.upload import Order, recording, save, send_all

MB = 1_000_000
ORDERS = (
    Order(1, 10 * MB, clients=1, requests=10),
    Order(1, 10 * MB, clients=4, requests=5),
    Order(10, 50 * MB, clients=1),
    Order(10, 50 * MB, clients=4),
)
QUICK_ORDERS = (Order(1, 10 * MB, clients=1, requests=5), Order(1, 10 * MB, clients=4, requests=3), Order(4, 50 * MB))
TARGET = "/api/v2/voice-clones"
COLUMNS = ("MB/s", "CPU s/GB")
BOTO, WRITE, DRAIN = "floor: boto3.upload_file", "floor: write + fsync", "floor: ASGI drain"
NOTES = (
    "S3 is a sink on this machine that drains and forgets; CPU is the API's process (boto3 and write: the sender's)",
    "client, API and sink share the cores: ratios hold for this machine, not for a network",
)


@dataclass(frozen=True, slots=True)
class Field:
    """Everything that runs during the comparison."""

    on_s3: Server
    on_folder: Server
    bare: Server
    boto: Any
    folder: Path


def run(quick: bool = False) -> Iterator[Table]:
    """Compare for each order; yield a table when it is full."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, _field(Path(folder)) as field:
        for order in QUICK_ORDERS if quick else ORDERS:
            yield _compare(field, order)


@contextmanager
def _field(folder: Path) -> Iterator[Field]:
    with (
        running_sink(folder / "sink") as sink,
        running_api(folder / "s3", **s3_settings(sink)) as on_s3,
        running_api(folder / "local") as on_folder,
        running_bare(folder / "bare") as bare,
    ):
        boto = boto3.session.Session(AWS["AWS_ACCESS_KEY_ID"], AWS["AWS_SECRET_ACCESS_KEY"]).client(
            "s3", region_name=AWS["AWS_DEFAULT_REGION"], endpoint_url=sink.url,
            config=Config(max_pool_connections=64, s3={"addressing_style": "path"}),
        )  # fmt: skip
        yield Field(on_s3, on_folder, bare, boto, folder)


def _compare(field: Field, order: Order) -> Table:
    source = save(field.folder / f"{order.file_bytes}.wav", order.file_bytes)
    subjects = (
        Subject(BOTO, lambda: _own(order, lambda: _upload_file(field.boto, source, order))),
        Subject(WRITE, lambda: _written(field.folder / "written", order)),
        Subject(DRAIN, lambda: _posted(field.bare, order)),
        Subject("clonepipe to S3", lambda: _posted(field.on_s3, order), BOTO),
        Subject("clonepipe to a folder", lambda: _to_folder(field, order), WRITE),
    )
    small = replace(order, files=1, requests=1)  # opens connections and fills buffers as the whole order would

    def warm_up(subject: Subject) -> None:
        if subject.name == BOTO:
            _upload_file(field.boto, source, small)
        elif subject.name != WRITE:
            server = {DRAIN: field.bare, "clonepipe to S3": field.on_s3}.get(subject.name, field.on_folder)
            send_all(server.port, TARGET, KEY, small)

    readings = interleave(subjects, ROUNDS, warm_up)
    return compare(f"intake of {order.title}", COLUMNS, subjects, readings, NOTES)


def _posted(server: Server, order: Order) -> Reading:
    """Send an order to a server; return MB/s and the server's CPU seconds per GB."""
    with cpu_of(server.pid) as used:
        took_s = _timed(lambda: send_all(server.port, TARGET, KEY, order))
    return order.total_bytes / took_s / MB, used.cpu_s / (order.total_bytes / 1e9)


def _to_folder(field: Field, order: Order) -> Reading:
    reading = _posted(field.on_folder, order)
    for path in (field.folder / "local" / "storage" / "objects").rglob("original"):
        path.unlink()
    return reading


def _own(order: Order, work: Callable[[], None]) -> Reading:
    """Do it in this process."""
    with cpu_of(os.getpid()) as used:
        took_s = _timed(work)
    return order.total_bytes / took_s / MB, used.cpu_s / (order.total_bytes / 1e9)


def _timed(work: Callable[[], None]) -> float:
    began_s = time.perf_counter()
    work()
    return time.perf_counter() - began_s


def _upload_file(boto: Any, source: Path, order: Order) -> None:
    """Each client uploads its files one after the other, as one request brings them."""

    def upload(client: int) -> None:
        for number in range(order.files * order.requests):
            boto.upload_file(str(source), "bench", f"{client}/{number}")

    _each(order.clients, upload)


def _written(folder: Path, order: Order) -> Reading:
    folder.mkdir(exist_ok=True)
    reading = _own(order, lambda: _write(folder, order))
    for path in folder.iterdir():
        path.unlink()
    return reading


def _write(folder: Path, order: Order) -> None:
    def write(client: int) -> None:
        for number in range(order.files * order.requests):
            with (folder / f"{client}-{number}").open("wb", buffering=0) as file:
                for block in recording(order.file_bytes):
                    file.write(block)
                os.fsync(file.fileno())

    _each(order.clients, write)


def _each(clients: int, work: Callable[[int], None]) -> None:
    with ThreadPoolExecutor(clients) as lanes:
        for lane in [lanes.submit(work, client) for client in range(clients)]:
            lane.result()
