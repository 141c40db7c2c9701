"""`clonepipe check`: what recordings are worth to an engine, found out on this machine, without a service or a key."""

import contextlib
import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from api.commands.outcome import EXIT_FAILED
from api.commands.verdict import verdict_report
from api.sources import readable, regular_files
from shared.settings import Settings, settings

if TYPE_CHECKING:
    from api.checker import CheckedFile, CheckOrder
    from api.order import CheckForm

_READ_BYTES: Final = 1024 * 1024

Files = Annotated[
    list[Path], typer.Argument(help="Recordings of the voice", exists=True, dir_okay=False, readable=True)
]


def check(
    files: Files,
    vendor: Annotated[str | None, typer.Option(help="Who would train the voice; none is paid or asked")] = None,
    engine: Annotated[str | None, typer.Option(help="Which of the vendor's products")] = None,
    denoise: Annotated[str, typer.Option(help="auto, on or off")] = "auto",
    trim: Annotated[str, typer.Option(help="auto or off")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON, and nothing else")] = False,
) -> None:
    """Check recordings before a clone is created: what is wrong with them, and what an engine would get.

    Everything happens on this machine; nothing is sent anywhere and nothing is kept.

    Exit codes:

    0  they can be used, with or without warnings
    1  refused
    2  the command is wrong, or the check could not be made
    """
    from api.checker import CheckOrder
    from api.doors.check_report import check_report, refused_report
    from shared.errors import RequestError

    chosen = settings()
    wishes = {"vendor": vendor, "engine": engine, "denoise": denoise, "trim": trim}
    form, chosen_vendor, chosen_engine = _form(chosen, wishes)
    with tempfile.TemporaryDirectory(prefix="clonepipe-check-") as folder, contextlib.ExitStack() as stack:
        try:
            read = _read(stack.enter_context(regular_files(files, chosen.max_file_bytes)), chosen)
        except RequestError as error:
            if not as_json:
                raise
            report = refused_report(chosen_vendor, chosen_engine, error)
        else:
            order = CheckOrder(read, chosen_vendor, chosen_engine, form.denoise, form.trim, Path(folder))
            report = check_report(order, _checked(order, hidden=as_json or not sys.stderr.isatty()))
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False, indent=2))
    else:
        Console().print(verdict_report(report))
    raise typer.Exit(EXIT_FAILED if report["verdict"] == "refuse" else 0)


def _form(chosen: Settings, wishes: dict[str, str | None]) -> "tuple[CheckForm, str, str]":
    """Return what is wished, with the names of vendor and engine. Raises: BadParameter."""
    from api.intake.void import VoidStorage
    from api.order import CheckForm
    from shared.errors import InvalidField
    from shared.vendors import open_vendors

    form = CheckForm()
    try:
        for name, value in wishes.items():
            form.take(name, value or "")
        vendor, engine = form.choose(open_vendors(chosen, VoidStorage()), chosen.default_vendor)
    except InvalidField as error:
        raise typer.BadParameter(error.message) from None
    return form, vendor, engine.name


def _read(paths: Sequence[Path], chosen: Settings) -> "tuple[CheckedFile, ...]":
    """Return the files with what an upload would find out. Raises: RequestError: where it would be refused."""
    from api.checker import CheckedFile
    from api.intake.checking import file_id
    from api.intake.twins import refuse_twins
    from shared.errors import TooManyFiles

    if len(paths) > chosen.max_files:
        raise TooManyFiles(f"One clone takes {chosen.max_files} files, and these are {len(paths)}; leave some out.")
    files = []
    for number, path in enumerate(paths, start=1):
        container, sha256 = _known_by(path, chosen)
        size_bytes = path.stat().st_size
        files.append(CheckedFile(file_id(number), readable(path.name), path.absolute(), container, size_bytes, sha256))
    refuse_twins((file.filename, file.sha256) for file in files)
    return tuple(files)


def _known_by(path: Path, chosen: Settings) -> tuple[str, str]:
    """Return a file's container and hash. Raises: EmptyFile, FileTooLarge, InvalidFileFormat."""
    from shared.errors import EmptyFile, FileTooLarge, InvalidFileFormat
    from shared.formats import SNIFF_BYTES, SUPPORTED_FORMATS, sniff

    size_bytes, name = path.stat().st_size, readable(path.name)
    if not size_bytes:
        raise EmptyFile(
            f"'{name}' has no bytes. Record it again, or check that the export finished.",
            rejected_files=[name],
        )
    if size_bytes > chosen.max_file_bytes:
        raise FileTooLarge(
            f"'{name}' has {size_bytes:,} bytes; the limit is {chosen.max_file_mb} MB per file. Shorten it, or "
            "export it as FLAC or MP3.",
            rejected_files=[name],
        )
    digest = hashlib.sha256()
    with path.open("rb") as source:
        container = sniff(source.read(SNIFF_BYTES))
        if container is None:
            raise InvalidFileFormat(
                f"'{name}' is not in a format that can be read, whatever its name says. Supported formats: "
                f"{', '.join(SUPPORTED_FORMATS)}.",
                supported_formats=list(SUPPORTED_FORMATS),
                rejected_files=[name],
            )
        source.seek(0)
        while block := source.read(_READ_BYTES):
            digest.update(block)
    return container.value, digest.hexdigest()


def _checked(order: "CheckOrder", *, hidden: bool) -> Any:
    """Run the check with a bar. Raises: SetupError: where it could not be made."""
    from api.checker import Checker
    from shared.errors import CheckLost, CheckOverdue, SetupError

    with _bar(hidden=hidden) as advance:
        checker = Checker(order, settings(), advance)
        try:
            return checker.run()
        except CheckOverdue as error:
            raise SetupError(error.message) from error
        except CheckLost as error:
            last = checker.death.last_words[-1:] if checker.death else ()
            raise SetupError(
                " ".join(["The process that checks recordings ended before its answer.", *last])
            ) from error


@contextlib.contextmanager
def _bar(*, hidden: bool) -> Iterator[Any]:
    columns = (TextColumn("check"), BarColumn(bar_width=40), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(
        *columns, TimeElapsedColumn(), console=Console(stderr=True), disable=hidden, transient=True
    ) as progress:
        task = progress.add_task("check", total=1.0)
        yield lambda fraction: progress.update(task, completed=fraction)
