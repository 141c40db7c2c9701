"""`python -m api` is the command `clonepipe`."""

from api.cli import main

main()
