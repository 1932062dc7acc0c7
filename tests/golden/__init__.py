"""One example of every fact in every schema version, as it is stored. They stay for ever: books are full of them.

`python -m tests.golden` writes the files that are missing, and never touches one that is there.
"""

from pathlib import Path

FOLDER = Path(__file__).parent


def golden_file(type_name: str, version: int) -> Path:
    return FOLDER / f"{type_name}.v{version}.json"
