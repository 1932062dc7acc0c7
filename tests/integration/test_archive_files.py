"""Whatever is done to an archive file is found and named, with nothing but the public key."""

import asyncio
import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infrastructure.archive.judging import Checked, Unsound, check_file
from infrastructure.archive.restoring import NotArchived, restore
from infrastructure.database import open_pool
from infrastructure.keyring import Keyring
from tests.integration.archived_book import PART, open_archived_book
from tests.integration.sealed_book import KEYRING, STRANGER

PUBLIC = Keyring(retired=[KEYRING.public[0].raw])
FIRST, LAST = PART + 1, 2 * PART

Lines = list[dict[str, Any]]
Change = Callable[[Lines], object]


@pytest.fixture(scope="module")
def archived(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The url of a book, and the archive of its second part: its first seal begins in the part before."""

    async def made() -> Path:
        async with open_archived_book(database_url, tmp_path_factory.mktemp("archives"), orders=20) as book:
            return [each.path for each in await book.archive(to_position=LAST)][1]

    return database_url, asyncio.run(made())


def changed(path: Path, directory: Path, change: Change, *, signed_off: bool) -> Path:
    """A copy with other lines; `signed_off` with a last line that fits them."""
    lines: Lines = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    change(lines)
    if signed_off and lines and lines[-1]["line"] == "end":
        before = b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines[:-1])
        lines[-1]["sha256"] = hashlib.sha256(before).hexdigest()
    text = b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines)
    copy = directory / path.name
    copy.write_bytes(gzip.compress(text))
    return copy


def place(lines: Lines, position: int) -> int:
    return next(n for n, line in enumerate(lines) if line.get("position") == position)


def found(checked: Checked) -> set[tuple[Any, ...]]:
    return {(each.kind.value, each.first, each.last) for each in checked.findings}


def at(position: int, **values: Any) -> Change:
    return lambda lines: lines[place(lines, position)].update(values)


def swapped(one: int, other: int) -> Change:
    def swap(lines: Lines) -> None:
        a, b = place(lines, one), place(lines, other)
        lines[a], lines[b] = lines[b], lines[a]

    return swap


def swapped_positions(one: int, other: int) -> Change:
    def swap(lines: Lines) -> None:
        a, b = place(lines, one), place(lines, other)
        lines[a], lines[b] = {**lines[b], "position": one}, {**lines[a], "position": other}

    return swap


def without(position: int) -> Change:
    def remove(lines: Lines) -> None:
        del lines[place(lines, position)]
        lines[-1]["facts"] -= 1

    return remove


def inserted(position: int, **values: Any) -> Change:
    def insert(lines: Lines) -> None:
        n = place(lines, min(max(position, FIRST), LAST))
        lines.insert(n + 1, {**lines[n], "position": position, **values})
        lines[-1]["facts"] += 1

    return insert


def of_seal(number: int, **values: Any) -> Change:
    """The `number`th seal in the file."""
    return lambda lines: [line for line in lines if line["line"] == "seal"][number].update(values)


def no_seal(number: int) -> Change:
    return lambda lines: lines.remove([line for line in lines if line["line"] == "seal"][number])


def no_end(lines: Lines) -> None:
    del lines[-1]


def cut(lines: Lines) -> None:
    """From the last seal on, with everything that counts."""
    del lines[max(n for n, line in enumerate(lines) if line["line"] == "seal") : -1]
    facts = [line for line in lines if line["line"] == "fact"]
    lines[-1]["facts"] = len(facts)


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (at(60, body="{}"), ("fact_changed", 60, 60)),
        (at(60, metadata="{}"), ("fact_changed", 60, 60)),
        (at(60, occurred_at="2026-05-01T12:00:00.000000Z"), ("fact_changed", 60, 60)),
        (at(60, version=7), ("fact_changed", 60, 60)),
        (at(60, id="0"), ("fact_changed", 60, 60)),
        (swapped_positions(60, 71), ("fact_moved", 71, 71)),
        (swapped(60, 61), ("fact_moved", 60, 60)),
        (swapped(52, 90), ("fact_moved", 52, 52)),
        (without(60), ("fact_missing", 60, 60)),
        (without(FIRST), ("fact_missing", FIRST, FIRST)),
        (without(LAST), ("fact_missing", LAST, LAST)),
        (inserted(60), ("fact_moved", 60, 60)),
        (inserted(LAST + 1), ("fact_inserted", LAST + 1, LAST + 1)),
        (inserted(3), ("fact_inserted", 3, 3)),
        (of_seal(1, root="00" * 32), ("seal_forged", 65, 80)),
        (of_seal(1, signature="AAAA"), ("seal_forged", 65, 80)),
        (of_seal(1, digests="AAAA"), ("digests_changed", 65, 80)),
        (of_seal(1, root="no hash"), ("file_damaged", None, None)),
        (no_seal(1), ("seal_removed", 65, 80)),
        (no_seal(-1), ("seal_removed", 97, LAST)),
        (no_end, ("file_damaged", None, None)),
        (cut, ("seal_removed", 97, LAST)),
        (lambda lines: lines[0].update(first=1), ("file_damaged", None, None)),
        (lambda lines: lines[0].update(format="other"), ("file_damaged", None, None)),
        (lambda lines: lines[0].update(before=None), ("seal_removed", 1, 48)),
        (lambda lines: lines[0]["before"].update(chain="00" * 32), ("seal_forged", 33, 48)),
        (lambda lines: lines.insert(9, dict(lines[0])), ("file_damaged", None, None)),
        (lambda lines: lines.append(dict(lines[3])), ("file_damaged", None, None)),
        (lambda lines: lines[-1].update(facts=7), ("file_damaged", None, None)),
        (lambda lines: lines.clear(), ("file_damaged", None, None)),
        (lambda lines: lines.pop(0), ("file_damaged", None, None)),
    ],
)
async def test_what_was_changed_is_named(
    archived: tuple[str, Path], tmp_path: Path, change: Change, finding: tuple[Any, ...]
) -> None:
    """Also when the hash in the last line was made to fit: seals cannot be made to."""
    _, path = archived
    checked = await check_file(changed(path, tmp_path, change, signed_off=True), PUBLIC)
    assert finding in found(checked), found(checked)
    checked = await check_file(changed(path, tmp_path, change, signed_off=False), PUBLIC)
    assert not checked.sound


async def test_the_last_line_speaks_of_all_lines_before_it(archived: tuple[str, Path], tmp_path: Path) -> None:
    """Its hash is what a book knows a file by."""
    other = changed(archived[1], tmp_path, lambda lines: lines[-1].update(sha256="00" * 32), signed_off=False)
    assert found(await check_file(other, PUBLIC)) == {("file_damaged", None, None)}


async def test_an_honest_file_is_sound(archived: tuple[str, Path], tmp_path: Path) -> None:
    _, path = archived
    for file in (path, changed(path, tmp_path, lambda lines: None, signed_off=True)):
        checked = await check_file(file, PUBLIC)
        assert checked.sound, checked.findings
        assert (checked.first, checked.last, checked.facts, checked.seals) == (FIRST, LAST, PART, 4)


async def test_every_changed_byte_and_every_cut_is_found(archived: tuple[str, Path], tmp_path: Path) -> None:
    """Of the file as it lies on the disk, though gzip's header has bytes that mean nothing."""
    _, path = archived
    whole = path.read_bytes()
    copy = tmp_path / path.name
    for n in range(10, len(whole), 37):
        copy.write_bytes(whole[:n] + bytes([whole[n] ^ 1]) + whole[n + 1 :])
        assert not (await check_file(copy, PUBLIC)).sound, n
        copy.write_bytes(whole[:n])
        assert not (await check_file(copy, PUBLIC)).sound, n
    for n in range(len(whole) - 9, len(whole)):
        copy.write_bytes(whole[:n])
        assert not (await check_file(copy, PUBLIC)).sound, n
    copy.write_bytes(whole + b"more")
    assert not (await check_file(copy, PUBLIC)).sound


async def test_another_key_says_nothing_good(archived: tuple[str, Path]) -> None:
    checked = await check_file(archived[1], STRANGER)
    assert {each.kind.value for each in checked.findings} == {"seal_forged"}


async def test_the_book_tells_its_own_archive_from_another(archived: tuple[str, Path], tmp_path: Path) -> None:
    url, path = archived
    async with open_pool(url, 2) as pool:
        assert (await check_file(path, KEYRING, pool)).sound
        # A sound file of fewer facts: the seals are right, and it is not what was archived.
        shorter = changed(path, tmp_path, _shorter, signed_off=True)
        assert (await check_file(shorter, PUBLIC)).sound
        assert found(await check_file(shorter, KEYRING, pool)) == {("archive_differs", FIRST, 96)}
        await pool.execute("ALTER TABLE seals DISABLE TRIGGER USER")
        await pool.execute("UPDATE seals SET root = chain WHERE last_position > 96")
        assert "kept_seal_gone" in {kind for kind, *_ in found(await check_file(path, KEYRING, pool))}
        await pool.execute("UPDATE seals SET root = decode($1, 'hex') WHERE last_position > 96", _root(path))


@pytest.mark.parametrize("change", [at(60, body="{}"), without(60), inserted(60), at(60, id="0"), cut, no_end])
async def test_what_is_not_sound_is_not_restored(archived: tuple[str, Path], tmp_path: Path, change: Change) -> None:
    url, path = archived
    bad = changed(path, tmp_path, change, signed_off=True)
    async with open_pool(url, 2) as pool:
        before = await pool.fetch("SELECT f::text FROM facts f ORDER BY position")
        with pytest.raises(Unsound):
            await restore(url, KEYRING, bad)
        assert await pool.fetch("SELECT f::text FROM facts f ORDER BY position") == before
        assert await pool.fetchval("SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname ~ '_next'") == 0
        assert await pool.fetchval("SELECT count(*) FROM archives") == 2


async def test_a_file_of_another_name_is_not_known(archived: tuple[str, Path], tmp_path: Path) -> None:
    url, path = archived
    (other := tmp_path / "other.ndjson.gz").write_bytes(path.read_bytes())
    with pytest.raises(NotArchived):
        await restore(url, KEYRING, other)


def _shorter(lines: Lines) -> None:
    cut(lines)
    lines[0]["last"] = max(line["position"] for line in lines if line["line"] == "fact")


def _root(path: Path) -> str:
    lines = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    return str([line for line in lines if line["line"] == "seal"][-1]["root"])
