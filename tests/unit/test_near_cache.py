"""What a process keeps in memory is dropped when it changes, and never stands for more than is known."""

import asyncio

import pytest

from infrastructure import near_cache
from infrastructure.near_cache import NearAnswer, NearCache, Target
from infrastructure.positions import Positions
from infrastructure.vault import Vault
from infrastructure.wakeups import _heard, change_payload

MUG, LIST = ("/v1/products/mug", b""), ("/v1/products", b"limit=2")


def answer(
    kind: str = "product", identity: str = "mug", position: int = 10, body: bytes = b"{}", generation: int = 0
) -> NearAnswer:
    return NearAnswer(kind, identity, "/r", position, generation, ("product",), b'"1"', [], body)


def listening(position: int = 10, room: int = 1_000_000) -> NearCache:
    near = NearCache(room)
    near.began({"product": position})
    return near


async def test_what_is_kept_stands_for_all_that_was_heard_since() -> None:
    near = listening()
    near.keep(MUG, answer(), 9)
    near.reached("product", 25)
    found = near.find(MUG, 25)
    assert found is not None
    assert found[0] == 25
    assert near.find(MUG, 26) is None
    assert near.find(MUG) is not None


async def test_a_change_drops_what_it_concerns_and_nothing_else() -> None:
    near, jug = listening(), ("/v1/products/jug", b"")
    near.keep(MUG, answer(), 9)
    near.keep(jug, answer(identity="jug"), 9)
    near.keep(LIST, answer("products", "changed"), 9)
    near.changed("product", 11, ["mug"])
    assert [near.find(target) is not None for target in (MUG, jug, LIST)] == [False, True, True]
    near.changed("products", 12, ["changed"])
    assert [near.find(target) is not None for target in (jug, LIST)] == [True, False]
    near.changed("product", 13, [])
    assert near.find(jug) is None


async def test_a_page_that_is_folded_again_after_a_crash_drops_what_was_said_to_be_of_its_position() -> None:
    near = listening()
    near.keep(MUG, answer(position=11), 9)
    near.changed("product", 11, ["mug"])
    assert near.find(MUG) is None


async def test_what_was_read_before_a_change_is_not_kept_after_it() -> None:
    near = listening()
    near.changed("product", 11, ["mug"])
    near.keep(MUG, answer(position=10), 9)
    assert near.find(MUG) is None
    near.keep(MUG, answer(position=11), 9)
    assert near.find(MUG) is not None


async def test_without_ears_nothing_is_kept_and_what_was_missed_is_not_trusted() -> None:
    near = NearCache(1_000_000)
    near.keep(MUG, answer(), 9)
    assert near.find(MUG) is None
    near.began({"product": 10})
    near.keep(MUG, answer(), 9)
    near.lost()
    assert (near.find(MUG), near.heard(["product"])) == (None, 0)
    near.began({"product": 20})
    near.keep(MUG, answer(position=19), 9)
    assert near.find(MUG) is None


async def test_changes_that_are_forgotten_again_are_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_cache, "CHANGES_KEPT", 2)
    near = listening()
    for position, identity in enumerate(("mug", "jug", "pot"), 11):
        near.changed("product", position, [identity])
    near.keep(MUG, answer(position=10), 9)
    assert near.find(MUG) is None


async def test_the_room_is_kept_and_the_least_wanted_goes_first() -> None:
    size = answer(body=b"x" * 1_000).size
    near = listening(room=10 * size)
    targets: list[Target] = [(f"/{number}", b"") for number in range(12)]
    for target in targets:
        near.keep(target, answer(identity=target[0], body=b"x" * 1_000), 9)
        near.find(targets[0])
    assert [near.find(target) is not None for target in targets] == [True, False, False] + [True] * 9
    near.keep(MUG, answer(body=b"x" * size), 9)
    assert near.find(MUG) is None


async def test_nothing_outlives_its_time() -> None:
    near = listening()
    near.keep(MUG, answer(), 0.02)
    await asyncio.sleep(0.03)
    assert near.find(MUG) is None


async def test_news_arrive_as_they_were_sent() -> None:
    near, positions = listening(), Positions()
    near.keep(MUG, answer(), 9)
    _heard(positions, near, Vault(), change_payload("product", 11, ["jug"]))
    _heard(positions, near, Vault(), "product,sale 11")
    assert near.find(MUG, 11) is not None
    _heard(positions, near, Vault(), change_payload("product", 12, ["jug", "mug"]))
    assert near.find(MUG) is None
    assert positions["sale"] == near.heard(["product"]) == 11
    assert change_payload("product", 13, ["prd_" + "x" * 26] * 1_000) == "!product 13"


async def test_a_new_generation_makes_everything_void_and_what_is_on_its_way() -> None:
    near, positions = listening(), Positions()
    near.keep(MUG, answer(), 9)
    _heard(positions, near, Vault(), "* 4")
    assert near.find(MUG) is None
    near.keep(MUG, answer(), 9)  # its rows were read before
    assert near.find(MUG) is None
    near.keep(MUG, answer(generation=4), 9)
    _heard(positions, near, Vault(), "* 4")
    assert near.find(MUG) is not None
