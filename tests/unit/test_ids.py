"""Identities: readable, in order of time, and the same again for the same thing."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

from infrastructure.ids import made_id, new_id

AT = datetime(2017, 1, 1, 11, 53, 26, 123_000, tzinfo=UTC)
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def uuid_of(typeid: str) -> UUID:
    """Decoded as the TypeID specification says, which is not how it was encoded."""
    value = 0
    for character in typeid.partition("_")[2]:
        value = value * 32 + ALPHABET.index(character)
    return UUID(int=value)


def test_fresh_ids_are_typeids_of_version_7_in_order_of_time() -> None:
    ids = [new_id("ord") for _ in range(1_000)]
    assert all(one < next_one for one, next_one in pairwise(ids))
    assert {len(one) for one in ids} == {len("ord_") + 26}
    assert {(uuid_of(one).version, uuid_of(one).variant) for one in ids} == {(7, "specified in RFC 4122")}


def test_a_made_id_is_the_same_for_the_same_thing_and_another_for_any_other() -> None:
    assert made_id("ord", AT, "basket:1") == made_id("ord", AT, "basket:1")
    others = {
        made_id("ord", AT, "basket:2"),
        made_id("pay", AT, "basket:1"),
        made_id("ord", AT + timedelta(1), "basket:1"),
    }
    assert len({made_id("ord", AT, "basket:1")[4:]} | {other[4:] for other in others}) == 4


def test_a_made_id_is_a_uuid_of_version_7_of_its_time() -> None:
    uuid = uuid_of(made_id("ord", AT, "basket:1"))
    assert (uuid.version, uuid.variant) == (7, "specified in RFC 4122")
    assert uuid.int >> 80 == int(AT.timestamp() * 1_000)


def test_made_ids_sort_by_the_time_they_stand_for() -> None:
    hours = [AT + timedelta(hours=hour) for hour in range(100)]
    ids = [made_id("ord", at, f"basket:{hour}") for hour, at in enumerate(hours)]
    assert ids == sorted(ids)


def test_the_form_of_a_made_id_never_changes() -> None:
    """Orders brought in by one version of Daybook are known by it to the next."""
    assert made_id("ord", AT, "basket:1") == "ord_01b5cy13vbezfshdt35sxm41zw"
