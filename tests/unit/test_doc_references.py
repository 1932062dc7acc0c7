"""What the README and the docs name is there: pages and headings, files, settings, verbs of make, commands, paths."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from api.app import create_app
from api.cli import app
from infrastructure.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
ROOMS = "api|benchmarks|commands|docs|events|infrastructure|projections|queries|sql|tests"
EXAMPLES = {"OrderShipped.v2.json"}
"""Files that a page tells how to make; `x.py` stands for any name."""


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """Pages of ours that it leads to, and the headings there."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if not re.match(r"\w+:", target):
            path, _, heading = target.partition("#")
            yield (page.parent / path).resolve() if path else page, heading


def headings(page: Path) -> set[str]:
    """As GitHub makes anchors of them."""
    texts = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-") for text in texts}


def code(page: Path) -> list[str]:
    """What stands between backticks, and the lines of shell examples."""
    text = page.read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    outside = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return [*re.findall(r"`([^`]+)`", outside), *(line for block in blocks for line in block.splitlines())]


@cache
def api_paths() -> list[re.Pattern[str]]:
    paths = create_app(Settings.model_construct()).openapi()["paths"]
    return [re.compile(re.sub(r"\{\w+\}", "[^/]+", path)) for path in paths]


def unknown(line: str) -> Iterator[str]:
    """Whatever a line of code names that there is not."""
    for path in re.findall(rf"(?<![\w/.])(?:{ROOMS})/[\w/]+\.\w+", line):
        name = path.rpartition("/")[2]
        if name not in EXAMPLES and not name.startswith("x.") and not (ROOT / path).exists():
            yield path
    for verb in re.findall(r"^make ([a-z]+)", line):
        if not re.search(rf"^{verb}:", (ROOT / "Makefile").read_text(), re.MULTILINE):
            yield f"make {verb}"
    for path in re.findall(r"(?:^|[ A-Z])(?:\$API)?(/v1/[^\s?\"'`,]+)", re.sub(r"<[^>]*>", "x", line)):
        if path != "/v1/auth" and not any(each.fullmatch(re.sub(r"\$\w+", "x", path)) for each in api_paths()):
            yield path
    if call := re.match(r"(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?daybook ([^#|]+)", line):
        yield from unknown_to_cli(call[1].split())


def unknown_to_cli(words: list[str]) -> Iterator[str]:
    command: TyperGroup | TyperCommand = get_group(app)
    for word in words:
        if isinstance(command, TyperGroup) and not word.startswith("-"):
            found = command.commands.get(word.partition("|")[0])
            if not isinstance(found, TyperGroup | TyperCommand):
                yield f"daybook {word}"
                return
            command = found
        elif word.startswith("--"):
            named = word.partition("=")[0]
            if named != "--help" and not any(named in each.opts + each.secondary_opts for each in command.params):
                yield f"daybook ... {named}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_names_is_there(page: Path) -> None:
    for target, heading in links(page):
        assert target.exists(), target
        assert not heading or heading in headings(target), f"{target.name}#{heading}"
    assert [name for line in code(page) for name in unknown(line)] == []
    settings = {f"DAYBOOK_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"\bDAYBOOK_[A-Z_]*[A-Z]", page.read_text())) <= settings


def test_every_page_is_found_from_the_readme() -> None:
    found, ahead = set(), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page not in found and page.suffix == ".md":
            found.add(page)
            ahead += [target for target, _ in links(page)]
    assert {*(ROOT / "docs").glob("*.md")} <= found


@pytest.mark.parametrize(
    "line",
    [
        "api/nothing.py",
        "make nothing",
        "/v1/nothing",
        'curl -s "$API/v1/orders/$ORDER/nothing?x=1"',
        "daybook nothing",
        ".venv/bin/daybook report nothing",
        "X=1 daybook projections rebuild NAME --nothing",
    ],
)
def test_what_is_not_there_is_noticed(line: str) -> None:
    assert [*unknown(line)]
