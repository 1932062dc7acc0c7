"""The one directory that Daybook keeps for itself: embedded servers and the development secrets."""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def make_data_dir(path: Path) -> None:
    """Make Daybook's directory if there is none; others may pass through it but not list it, its files are private."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o711, exist_ok=True)


def kept_secret(path: Path, make: Callable[[], str]) -> str:
    """What is kept in this file; where there is none, a new secret is made and kept. Raises OSError."""
    make_data_dir(path.parent)
    if not path.exists():
        # Linked into place whole, so that two processes that start together agree on one secret.
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f"{path.name}-") as made:
            made.write(make())
            made.flush()
            with suppress(FileExistsError):
                os.link(made.name, path)
    return path.read_text()
