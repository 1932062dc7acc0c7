"""A wishlist: each article once, and off the list when it goes into the cart."""

from commands.cart import MAX_QUANTITY, carts, own_cart
from commands.product import ArchiveProduct
from commands.rejections import LimitExceeded, NotForSale, NotFound
from commands.wishlist import MAX_WISHES, AddWish, MoveWishToCart, RemoveWish, wishlists
from events.cart import CartLineAdded, CartOpened
from events.values import Sku
from events.wishlist import WishAdded, WishRemoved
from tests.unit.pasts import ANN, LARGE, MUG, SMALL, catalog, draft, eur, variants
from tests.unit.shop import given, refused

wished = WishAdded(ANN, SMALL, MUG, (eur(700),))


def test_a_wish_remembers_what_it_cost() -> None:
    shop = given(*catalog)
    assert shop.when(AddWish(ANN, SMALL), AddWish(ANN, SMALL)) == [wished]


def test_only_what_is_on_sale_can_be_wished_for() -> None:
    with refused(NotFound, kind="variant", id=SMALL):
        given().when(AddWish(ANN, SMALL))
    with refused(NotForSale, sku=SMALL):
        given(*draft, *variants).when(AddWish(ANN, SMALL))


def test_a_wishlist_ends_somewhere() -> None:
    many = [WishAdded(ANN, Sku(f"V{n}"), MUG) for n in range(MAX_WISHES)]
    with refused(LimitExceeded, limit=MAX_WISHES):
        given(*catalog, *many).when(AddWish(ANN, SMALL))


def test_a_wish_is_taken_back() -> None:
    shop = given(*catalog, wished)
    assert shop.when(RemoveWish(ANN, SMALL), RemoveWish(ANN, LARGE)) == [WishRemoved(ANN, SMALL)]
    assert shop(wishlists(ANN)).skus == frozenset()


def test_a_wish_moves_into_the_cart() -> None:
    mine = own_cart(ANN)
    shop = given(*catalog, wished)
    assert shop.when(MoveWishToCart(ANN, SMALL, 2)) == [
        WishRemoved(ANN, SMALL, to_cart=True),
        CartOpened(mine, ANN),
        CartLineAdded(mine, SMALL, MUG, 2, (eur(700),)),
    ]
    assert (shop(wishlists(ANN)).skus, shop(carts(mine)).lines[SMALL].quantity) == (frozenset(), 2)


def test_what_does_not_come_into_the_cart_stays_on_the_list() -> None:
    with refused(NotForSale, sku=SMALL):
        given(*catalog, wished).when(ArchiveProduct(MUG), MoveWishToCart(ANN, SMALL))
    with refused(LimitExceeded, sku=SMALL, limit=MAX_QUANTITY):
        given(*catalog, wished).when(MoveWishToCart(ANN, SMALL, MAX_QUANTITY + 1))


def test_only_a_wish_can_be_moved() -> None:
    with refused(NotFound, kind="wish", id=LARGE):
        given(*catalog, wished).when(MoveWishToCart(ANN, LARGE))
