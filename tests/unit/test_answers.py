"""What goes to Redis, and when: looked up before it is fetched, or fetched at once and put there."""

from typing import Any

import pytest

from infrastructure import answers as answering
from infrastructure.answers import Answers, Subject
from infrastructure.cache import Held, Seen
from infrastructure.near_cache import NearCache


class Redis:
    """Holds what is put, for ever."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._held: dict[str, Held] = {}

    async def look(self, kind: str, identity: str, *_: Any, **__: Any) -> Seen:
        self.asked.append("look")
        held = self._held.get(identity)
        return Seen(held, "a turn" if held is None else None)

    def not_looked(self, kind: str) -> None:
        self.asked.append("pass")

    async def put(self, kind: str, identity: str, position: int, body: bytes, *_: Any, **__: Any) -> None:
        self.asked.append("put")
        self._held[identity] = Held(position, body, 60.0)


async def _made() -> tuple[int, bytes | None]:
    return 7, b"seven"


async def _none() -> tuple[int, bytes | None]:
    return 7, None


def _subject(identity: str, *, is_quick: bool, is_rare: bool = False) -> Subject:
    return Subject("product", identity, ("product",), "product", identity, is_quick, is_rare)


@pytest.mark.parametrize(
    ("is_quick", "is_rare", "asked"),
    [
        (False, False, ["look", "put", "look"]),
        (True, False, ["pass", "put", "look"]),
        (True, True, ["pass", "look", "put"]),
    ],
)
async def test_what_is_quick_is_not_looked_up_first_and_what_is_rare_is_put_for_the_second(
    is_quick: bool, is_rare: bool, asked: list[str]
) -> None:
    redis = Redis()
    answers = Answers(redis, NearCache(0))  # type: ignore[arg-type]
    for _ in range(2):
        answer = await answers.get(_subject("a", is_quick=is_quick, is_rare=is_rare), _made)
        assert (answer.position, answer.body) == (7, b"seven")
        await answers.close()
    assert redis.asked == asked


async def test_what_is_not_there_is_never_put() -> None:
    redis = Redis()
    answers = Answers(redis, NearCache(0))  # type: ignore[arg-type]
    assert (await answers.get(_subject("a", is_quick=True), _none)).body is None
    await answers.close()
    assert redis.asked == ["pass"]


async def test_only_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "ASKED_KEPT", 2)
    redis = Redis()
    answers = Answers(redis, NearCache(0))  # type: ignore[arg-type]
    for identity in "abacab":
        await answers.get(_subject(identity, is_quick=True, is_rare=True), _made)
        await answers.close()
    # b was forgotten when c came, since a had been asked for meanwhile
    assert redis.asked == ["pass", "pass", "look", "put", "pass", "look", "pass"]
