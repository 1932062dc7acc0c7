"""Forgetting people: that it happened is a fact, and storing it is what makes it so."""

from collections.abc import Sequence
from dataclasses import dataclass

from commands.cart import carts, own_cart
from commands.decider import Fold, Read
from events import Event
from events.cart import CartClosed
from events.privacy import PrivacyEvent, SubjectForgotten
from events.values import UserId, is_guest


@dataclass(frozen=True, slots=True)
class ForgetSubject:
    """Make all that is personal of a user, or of the guest of an order, unreadable for ever."""

    person_id: UserId
    reason: str


PrivacyCommand = ForgetSubject


def evolve(forgotten: bool, event: PrivacyEvent) -> bool:
    return True


persons: Fold[bool] = Fold("person", False, evolve)
"""Whether someone is forgotten."""


def decide(command: PrivacyCommand, read: Read) -> Sequence[Event]:
    """A user's cart is closed with it: an order that is placed meanwhile comes before this, or not at all. A guest is
    the customer of one order, which has been placed."""
    if read(persons(command.person_id)):
        return []
    forgotten = SubjectForgotten(command.person_id, command.reason)
    if is_guest(command.person_id):
        return [forgotten]
    cart_id = own_cart(command.person_id)
    read(carts(cart_id))  # so that its version guards this
    return [forgotten, CartClosed(cart_id, cart_id)]
