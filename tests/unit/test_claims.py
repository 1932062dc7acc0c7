"""A name belongs to one owner at a time, and only the owner lets go of it."""

import pytest

from commands.claim import claimed, claims, released
from commands.rejections import NameTaken
from events.claim import NameClaimed, NameReleased
from tests.unit.shop import given

ANNS = NameClaimed("slug:mug", "ann")


def test_a_free_name_is_claimed() -> None:
    assert claimed("slug:mug", "ann", given()) == [NameClaimed("slug:mug", "ann")]


def test_who_holds_a_name_need_not_claim_it_again() -> None:
    assert claimed("slug:mug", "ann", given(ANNS)) == []


def test_a_name_that_another_holds_is_taken() -> None:
    with pytest.raises(NameTaken, match="slug mug"):
        claimed("slug:mug", "bob", given(ANNS))


def test_a_name_is_released_by_its_owner_alone() -> None:
    assert released("slug:mug", "ann", given(ANNS)) == [NameReleased("slug:mug", "ann")]
    assert released("slug:mug", "bob", given(ANNS)) == []
    assert released("slug:mug", "ann", given()) == []


def test_a_name_that_was_released_is_free() -> None:
    shop = given(ANNS, NameReleased("slug:mug", "ann"))
    assert shop(claims("slug:mug")).owner is None
    assert claimed("slug:mug", "bob", shop) == [NameClaimed("slug:mug", "bob")]
