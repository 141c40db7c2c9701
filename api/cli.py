"""The command `clonepipe`: what is to be said of Ctrl-C before anything is loaded; `api/program.py` is the rest."""

from shared import interrupt


def main() -> None:
    """Run a command. Ctrl-C ends it quietly at any moment, also while it loads and while it ends."""
    interrupt.end_at_once()
    from api.program import run

    try:
        interrupt.let_it_raise()
        run()
    except KeyboardInterrupt:
        raise SystemExit(interrupt.EXIT_INTERRUPTED) from None
    finally:
        interrupt.end_at_once()
