"""The addresses that customers keep."""

import pytest

from commands.address_book import ADDRESSES_MAX, AddAddress, ChangeAddress, RemoveAddress, address_books
from commands.rejections import LimitExceeded, NotFound
from events.address_book import AddressAdded, AddressChanged
from events.values import Address
from tests.unit.pasts import ANN
from tests.unit.shop import given, refused

HOME = Address("Ann", "Hauptstr. 1", "Berlin", "10115", "DE")
WORK = Address("Ann", "Nebenstr. 2", "Berlin", "10117", "DE")


def test_addresses_are_kept_changed_and_removed() -> None:
    book = given()
    assert book.when(AddAddress(ANN, "adr_1", HOME)) == [AddressAdded(ANN, "adr_1", HOME)]
    assert book.when(ChangeAddress(ANN, "adr_1", WORK)) == [AddressChanged(ANN, "adr_1", WORK)]
    assert book(address_books(ANN)) == {"adr_1": WORK}
    book.when(RemoveAddress(ANN, "adr_1"))
    assert book(address_books(ANN)) == {}


def test_an_address_that_is_not_there_cannot_be_changed() -> None:
    with refused(NotFound, kind="address", id="adr_1"):
        given().when(ChangeAddress(ANN, "adr_1", HOME))


@pytest.mark.parametrize("others", [ADDRESSES_MAX - 1, ADDRESSES_MAX])
def test_there_is_room_for_twenty(others: int) -> None:
    book = given(*(AddressAdded(ANN, f"adr_{n}", HOME) for n in range(others)))
    if others < ADDRESSES_MAX:
        assert book.when(AddAddress(ANN, "adr_new", HOME))
    else:
        with refused(LimitExceeded):
            book.when(AddAddress(ANN, "adr_new", HOME))
