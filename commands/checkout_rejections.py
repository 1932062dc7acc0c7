"""Why a checkout, or what staff set for it, is refused: addresses, ways to send it, coupons."""

from collections.abc import Sequence
from typing import Any

from commands.rejections import Rejected


class AddressRequired(Rejected):
    """What the order costs depends on where it goes."""

    code = "address_required"

    def __init__(self) -> None:
        super().__init__("Say where the parcel goes: shipping and tax depend on it.")


class ShippingUnavailable(Rejected):
    """Nothing is sent there, not in this currency, or not by this method; `methods` are the ids of those there are."""

    code = "shipping_unavailable"

    def __init__(self, country: str, methods: Sequence[str]) -> None:
        there = f"there are {', '.join(methods)}" if methods else "there is no way to send it"
        super().__init__(f"It cannot be sent to {country} like that: {there}.", country=country, methods=list(methods))


class ShippingMethodRequired(Rejected):
    """There are several ways to send it."""

    code = "shipping_method_required"

    def __init__(self, methods: Sequence[str]) -> None:
        super().__init__(f"Choose how to send it: {', '.join(methods)}.", methods=list(methods))


class CountryInAnotherZone(Rejected):
    code = "country_in_another_zone"

    def __init__(self, country: str, zone_id: str) -> None:
        super().__init__(f"{country} is in the zone {zone_id} already.", country=country, zone_id=zone_id)


COUPON_REFUSALS = {
    "unknown": "There is no such coupon.",
    "not_yet": "It does not count yet.",
    "expired": "It counts no more.",
    "used_up": "It has been used as often as it may be.",
    "sign_in": "Each customer may use it so often: sign in.",
    "used": "You have used it as often as you may.",
    "goods": "It is for other goods.",
    "currency": "It is not for this currency.",
    "minimum": "The goods it is for do not come to its minimum.",
}


class CouponRefused(Rejected):
    """A coupon does not count here and now. `why` is one of COUPON_REFUSALS, and the code `coupon_<why>`."""

    def __init__(self, why: str, coupon: str, **details: Any) -> None:
        self.code, self.why = f"coupon_{why}", why
        super().__init__(COUPON_REFUSALS[why], coupon=coupon, **details)


class CouponNotApplicable(Rejected):
    """The order was to be placed with a coupon that does not count: it is never dropped in silence."""

    code = "coupon_not_applicable"

    def __init__(self, refused: CouponRefused) -> None:
        super().__init__(f"The coupon does not count: {refused.detail}", why=refused.why, **refused.details)


class CouponTermsRefused(Rejected):
    """What a coupon is to give does not fit together."""

    code = "coupon_terms_refused"

    def __init__(self, why: str) -> None:
        super().__init__(f"These terms do not fit together: {why}.")
