"""What `clonepipe` does. Each group of commands is one file in commands/; servers start as child processes."""

import errno
import os
import sys
from io import TextIOWrapper
from typing import Final

import typer

from api.commands import (
    administration,
    adopt,
    check,
    clone,
    demo,
    doctor,
    listen,
    listing,
    second_thoughts,
    serving,
    vendors,
    webhooks,
)
from shared.errors import ServiceError, SetupError

_UNWRITABLE: Final = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG)

app = typer.Typer(
    name="clonepipe",
    help="Turn recordings into voice clones, at any vendor.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("up")(serving.up)
app.command("api")(serving.api)
app.command("worker")(serving.worker)
app.command("relay")(serving.relay)
app.command("migrate")(serving.migrate)
app.command("demo")(demo.demo)
app.command("clone")(clone.clone)
app.command("adopt")(adopt.adopt)
app.command("check")(check.check)
app.command("status")(clone.status)
app.command("cancel")(second_thoughts.cancel)
app.command("retry")(second_thoughts.retry)
app.command("list")(listing.list_clones)
app.command("listen")(listen.listen)
app.command("doctor")(doctor.doctor)
app.add_typer(administration.accounts, name="accounts")
app.add_typer(administration.keys, name="keys")
app.add_typer(vendors.vendors, name="vendors")
app.add_typer(webhooks.webhooks, name="webhooks")


def run() -> None:
    """Run a command; an error that we name is a sentence on stderr and an exit code, not a trace."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a name that the terminal's encoding lacks is no reason for a trace
    try:
        app()
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        typer.secho(f"clonepipe: What there is to say cannot be written: {error.strerror}.", fg="red", err=True)
        _drop_output()
        raise SystemExit(2) from None
    except ServiceError as error:
        typer.secho(f"clonepipe: {error.message}", fg="red", err=True)
        if isinstance(error.__cause__, OSError) and error.__cause__.errno in _UNWRITABLE:
            _drop_output()
        raise SystemExit(2 if isinstance(error, SetupError) else 1) from None


def _drop_output() -> None:
    """Let what is left in the buffer go nowhere: the interpreter would try to write it once more at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
