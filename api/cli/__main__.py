"""`python -m api.cli` is the same as `daybook`."""

from api.cli import main

main()
