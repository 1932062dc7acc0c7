"""The addresses that customers keep. Orders have copies of their own, so what changes here changes no order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from commands.decider import Fold, Read
from commands.rejections import LimitExceeded, NotFound
from events.address_book import AddressAdded, AddressBookEvent, AddressChanged, AddressRemoved
from events.values import Address, UserId

ADDRESSES_MAX = 20


@dataclass(frozen=True, slots=True)
class AddAddress:
    user_id: UserId
    address_id: str
    address: Address


@dataclass(frozen=True, slots=True)
class ChangeAddress:
    user_id: UserId
    address_id: str
    address: Address


@dataclass(frozen=True, slots=True)
class RemoveAddress:
    user_id: UserId
    address_id: str


AddressBookCommand = AddAddress | ChangeAddress | RemoveAddress
AddressBook = Mapping[str, Address]
"""By their ids, in the order in which they were added."""


def evolve(book: AddressBook, event: AddressBookEvent) -> AddressBook:
    match event:
        case (
            AddressAdded(address_id=address_id, address=address)
            | AddressChanged(address_id=address_id, address=address)
        ):
            return {**book, address_id: address}
        case AddressRemoved(address_id=address_id):
            return {kept: address for kept, address in book.items() if kept != address_id}
        case _:
            assert_never(event)


address_books: Fold[AddressBook] = Fold("addresses", {}, evolve)


def decide(command: AddressBookCommand, read: Read) -> Sequence[AddressBookEvent]:
    book = read(address_books(command.user_id))
    match command:
        case AddAddress(user_id, address_id, address):
            if address_id in book:
                return []
            if len(book) == ADDRESSES_MAX:
                raise LimitExceeded(f"At most {ADDRESSES_MAX} addresses are kept.")
            return [AddressAdded(user_id, address_id, address)]
        case ChangeAddress(user_id, address_id, address):
            if address_id not in book:
                raise NotFound("address", address_id)
            return [] if book[address_id] == address else [AddressChanged(user_id, address_id, address)]
        case RemoveAddress(user_id, address_id):
            return [AddressRemoved(user_id, address_id)] if address_id in book else []
        case _:
            assert_never(command)
