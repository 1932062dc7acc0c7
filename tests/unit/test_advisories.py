"""`make check` fails for known holes, and says when it could not look for any."""

from typing import Any

from tests.advisories import LOCK, judged, locked

HOLE = {"id": "PYSEC-2026-1", "fix_versions": ["2.0.1"], "aliases": [], "description": "bad"}


def report(*packages: dict[str, Any]) -> dict[str, Any]:
    return {"dependencies": list(packages), "fixes": []}


def test_a_known_hole_is_an_error_that_names_it() -> None:
    sound, holed = {"name": "a", "version": "1", "vulns": []}, {"name": "b", "version": "2.0", "vulns": [HOLE]}
    status, words = judged(report(sound, holed), 2)
    assert status == 1
    assert "b 2.0: PYSEC-2026-1, mended in 2.0.1" in words
    assert judged(report(sound), 1) == (0, "pip-audit: 1 of 1 locked packages looked up, no known holes")


def test_where_nothing_can_be_asked_it_says_so_and_is_content() -> None:
    unknown = report({"name": "a", "skip_reason": "Dependency not found on PyPI and could not be audited"})
    for nothing in (None, unknown, report()):
        status, words = judged(nothing, 1)
        assert status == 0
        assert "cannot be reached" in words


def test_every_locked_package_is_asked_about() -> None:
    packages = locked(LOCK.read_text())
    assert len(packages) == sum(line[:1].isalpha() for line in LOCK.read_text().splitlines())
    assert any(each.startswith("fastapi==") for each in packages)
    assert not [each for each in packages if " " in each or "\\" in each]
