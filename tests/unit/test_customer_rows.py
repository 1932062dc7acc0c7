"""What the read tables say of carts, wishlists and accounts."""

from events import Event
from events.cart import (
    CartCheckedOut,
    CartCleared,
    CartClosed,
    CartCouponRemoved,
    CartCouponSet,
    CartLineAdded,
    CartLineChanged,
    CartLineRemoved,
    CartMerged,
    CartOpened,
    MergedLine,
)
from events.user import EmailChanged, EmailVerified, RoleGranted, RoleRevoked, UserRenamed, UserSuspended
from events.values import Sku
from events.wishlist import WishAdded, WishRemoved
from projections.cart import CartLineRow, CartRow, cart
from projections.user_account import UserAccountRow, user_account
from projections.wishlist import WishlistRow, WishRow, wishlist
from tests.unit import pasts
from tests.unit.pasts import ANN, CART, GUEST, LARGE, MUG, ORDER, SMALL, eur
from tests.unit.told_rows import minute, rows


def test_a_cart_adds_up_changes_and_empties() -> None:
    held = [CartLineRow(SMALL, MUG, 2, (), minute(2)), CartLineRow(LARGE, MUG, 1, (), minute(3))]
    two = CartRow(CART, ANN, held, minute(3), 3)
    assert rows(cart, *pasts.filled_cart) == {(CART,): two}

    def lines(*events: Event) -> list[tuple[str, int]]:
        row: CartRow = rows(cart, *pasts.filled_cart, *events)[CART,]
        return [(line.sku, line.quantity) for line in row.lines]

    assert lines(CartLineAdded(CART, SMALL, MUG, 3)) == [(SMALL, 5), (LARGE, 1)]
    assert lines(CartLineChanged(CART, LARGE, 9)) == [(SMALL, 2), (LARGE, 9)]
    assert lines(CartLineRemoved(CART, SMALL)) == [(LARGE, 1)]
    assert lines(CartCleared(CART)) == lines(CartCheckedOut(CART, ORDER)) == []
    assert rows(cart, CartOpened(CART))[CART,].customer_id is None

    def held_coupon(*events: Event) -> str | None:
        row: CartRow = rows(cart, *pasts.filled_cart, CartCouponSet(CART, "SPRING"), *events)[CART,]
        return row.coupon

    assert held_coupon() == held_coupon(CartLineRemoved(CART, SMALL)) == "SPRING"
    for emptied in (CartCouponRemoved(CART), CartCleared(CART), CartCheckedOut(CART, ORDER), CartClosed(CART, GUEST)):
        assert held_coupon(emptied) is None


def test_a_merged_cart_holds_what_came_along_as_it_was_put_there() -> None:
    came = (
        MergedLine(SMALL, MUG, 3, 0, (eur(650),)),
        MergedLine(Sku("MUG-XL"), MUG, 0, 7),
        MergedLine(LARGE, MUG, 0, 8, (eur(1),)),
    )
    merged = (*pasts.filled_cart, *pasts.guests_cart, CartMerged(CART, GUEST, came), CartClosed(GUEST, CART))
    found = rows(cart, *merged)
    assert found[CART,].lines == [
        CartLineRow(SMALL, MUG, 5, (eur(650),), minute(6)),
        CartLineRow(LARGE, MUG, 1, (), minute(3), left_out=8),
        CartLineRow(Sku("MUG-XL"), MUG, 0, (), minute(6), left_out=7),
    ]
    assert found[GUEST,].lines == []
    later = rows(cart, *merged, CartLineAdded(CART, Sku("MUG-XL"), MUG, 1), CartLineChanged(CART, LARGE, 2))
    assert [(line.quantity, line.left_out) for line in later[CART,].lines] == [(5, 0), (2, 0), (1, 0)]


def test_a_cart_is_kept_in_redis_under_its_customer() -> None:
    assert cart.cached_key(("cart_01h455vb4pex5vsknk084sn02q",)) == ("usr_01h455vb4pex5vsknk084sn02q", "cart")
    assert cart.cached_key(("cart_" + "0f" * 16,)) == ("cart_" + "0f" * 16, "cart")


def test_a_wishlist_shortens_as_it_grew() -> None:
    small, large = WishAdded(ANN, SMALL, MUG, (eur(700),)), WishAdded(ANN, LARGE, MUG)
    kept = WishRow(LARGE, MUG, (), minute(2))
    assert rows(wishlist, small, large, WishRemoved(ANN, SMALL)) == {(ANN,): WishlistRow(ANN, [kept], minute(3), 3)}


def test_an_account_gains_and_loses_roles() -> None:
    granted = (pasts.registered, RoleGranted(ANN, "staff"), RoleGranted(ANN, "admin"))
    account = UserAccountRow(
        ANN, "ann@example.org", "Ann", ["admin", "customer", "staff"], False, False, minute(1), version=3
    )
    assert rows(user_account, *granted) == {(ANN,): account}
    assert rows(user_account, *granted, RoleRevoked(ANN, "staff"))[ANN,].roles == ["admin", "customer"]


def test_an_account_has_its_present_name_and_address_and_says_what_is_known_of_it() -> None:
    changed = (pasts.registered, UserRenamed(ANN, "Anne"), EmailVerified(ANN, "ann@example.org"))
    account = rows(user_account, *changed)[ANN,]
    assert (account.name, account.verified, account.suspended) == ("Anne", True, False)
    moved = rows(user_account, *changed, EmailChanged(ANN, "anne@example.org"), UserSuspended(ANN, "a chargeback"))
    account = moved[ANN,]
    assert (account.email, account.verified, account.suspended, account.version) == ("anne@example.org", False, True, 5)
