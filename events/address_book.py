"""The addresses that customers keep, to choose from when they order."""

from dataclasses import dataclass

from events.values import Address, UserId, personal


@dataclass(frozen=True, slots=True)
class AddressAdded:
    user_id: UserId
    address_id: str
    address: Address = personal()


@dataclass(frozen=True, slots=True)
class AddressChanged:
    user_id: UserId
    address_id: str
    address: Address = personal()


@dataclass(frozen=True, slots=True)
class AddressRemoved:
    user_id: UserId
    address_id: str


AddressBookEvent = AddressAdded | AddressChanged | AddressRemoved
