"""What a guest has put into a cart comes along at sign-in: all of it, once, as far as a cart holds it."""

from commands.cart import MAX_LINES, MAX_QUANTITY, AddToCart, CartLine, ClearCart, MergeCarts, carts, own_cart
from commands.privacy import ForgetSubject
from commands.rejections import NotFound
from commands.user import RegisterUser
from events.cart import CartClosed, CartLineAdded, CartMerged, CartOpened, MergedLine
from events.values import CartId, Sku, UserId
from tests.unit.pasts import ANN, GUEST, LARGE, MUG, SMALL, catalog, eur, guests_cart
from tests.unit.shop import given, refused

MINE = own_cart(ANN)
mine = (CartOpened(MINE, ANN), CartLineAdded(MINE, SMALL, MUG, 2), CartLineAdded(MINE, LARGE, MUG, 1))


def test_quantities_add_up_and_the_guests_cart_is_closed() -> None:
    shop = given(*mine, *guests_cart)
    assert shop.when(MergeCarts(GUEST, ANN)) == [
        CartMerged(MINE, GUEST, (MergedLine(SMALL, MUG, 3, 0, (eur(650),)),)),
        CartClosed(GUEST, MINE),
    ]
    assert shop(carts(MINE)).lines == {SMALL: CartLine(MUG, 5, (eur(650),)), LARGE: CartLine(MUG, 1)}
    assert (shop(carts(GUEST)).lines, shop(carts(GUEST)).merged_into) == ({}, MINE)


def test_a_first_cart_is_opened_for_what_comes_along() -> None:
    facts = given(*guests_cart).when(RegisterUser(ANN, "ann@example.org"), MergeCarts(GUEST, ANN))
    assert CartOpened(MINE, ANN) in facts


def test_an_empty_cart_of_a_guest_changes_nothing() -> None:
    assert given(*mine).when(MergeCarts(GUEST, ANN)) == []
    assert given(*mine, *guests_cart).when(ClearCart(GUEST), MergeCarts(GUEST, ANN))[1:] == []


def test_what_does_not_fit_into_a_line_is_said() -> None:
    nearly_full = CartLineAdded(MINE, SMALL, MUG, MAX_QUANTITY - 3)
    shop = given(*mine, nearly_full, *guests_cart)
    merged = shop.when(MergeCarts(GUEST, ANN))[0]
    assert isinstance(merged, CartMerged)
    assert [(line.quantity, line.left_out) for line in merged.lines] == [(1, 2)]
    assert shop(carts(MINE)).lines[SMALL].quantity == MAX_QUANTITY


def test_lines_that_do_not_fit_into_a_cart_are_said_and_lines_that_are_there_still_grow() -> None:
    others = [CartLineAdded(MINE, Sku(f"V{n}"), MUG, 1) for n in range(MAX_LINES - 1)]
    guests = [CartLineAdded(GUEST, sku, MUG, 4) for sku in (LARGE, Sku("V0"), Sku("NEW"))]
    shop = given(CartOpened(MINE, ANN), *others, *guests)
    merged = shop.when(MergeCarts(GUEST, ANN))[0]
    assert isinstance(merged, CartMerged)
    assert [(line.sku, line.quantity, line.left_out) for line in merged.lines] == [
        (LARGE, 4, 0),
        ("V0", 4, 0),
        ("NEW", 0, 4),
    ]
    lines = shop(carts(MINE)).lines
    assert (len(lines), lines[Sku("V0")].quantity, "NEW" in lines) == (MAX_LINES, 5, False)


def test_a_customers_own_cart_is_not_merged_into_itself() -> None:
    assert given(*mine).when(MergeCarts(MINE, ANN)) == []


def test_what_a_customer_adds_to_a_cart_that_was_just_merged_comes_into_their_own() -> None:
    shop = given(*catalog, *mine, *guests_cart)
    shop.when(MergeCarts(GUEST, ANN))
    assert shop.when(AddToCart(GUEST, LARGE, 1, ANN)) == [CartLineAdded(MINE, LARGE, MUG, 1, (eur(900),))]


def test_a_guest_goes_on_with_the_emptied_cart_and_it_is_merged_again() -> None:
    shop = given(*catalog, *mine, *guests_cart)
    shop.when(MergeCarts(GUEST, ANN))
    assert shop.when(AddToCart(GUEST, LARGE, 1)) == [CartLineAdded(GUEST, LARGE, MUG, 1, (eur(900),))]
    assert shop.when(MergeCarts(GUEST, UserId("usr_bob")))[-1] == CartClosed(GUEST, CartId("cart_bob"))
    assert shop(carts(MINE)).lines[LARGE].quantity == 1


def test_a_customers_own_cart_takes_additions_whatever_became_of_it() -> None:
    """Only a guest's cart is ever merged; were it another, nobody may be sent round in circles."""
    shop = given(*catalog, *mine)
    shop.when(MergeCarts(MINE, UserId("usr_bob")))
    assert shop.when(AddToCart(MINE, LARGE, 1, ANN)) == [CartLineAdded(MINE, LARGE, MUG, 1, (eur(900),))]


def test_into_the_cart_of_someone_forgotten_nothing_goes_any_more() -> None:
    shop = given(*catalog, *mine, *guests_cart)
    shop.when(ForgetSubject(ANN, "asked"))
    assert shop(carts(MINE)).lines == {}
    with refused(NotFound):
        shop.when(AddToCart(MINE, LARGE, 1, ANN))
    assert shop.when(MergeCarts(GUEST, ANN)) == []
