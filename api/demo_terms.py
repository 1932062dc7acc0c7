"""What the demo shop charges beside its prices: sales tax, parcels at home and abroad, and a coupon to try."""

from commands import Command
from commands.coupon import CreateCoupon
from commands.shipping import SetShippingZone
from commands.tax import SetTaxes
from events.coupon import CouponKind, CouponTerms
from events.shipping import EVERYWHERE_ELSE, ShippingMethod
from events.tax import TaxRate
from events.values import Money


def _usd(amount: int) -> tuple[Money, ...]:
    return (Money(amount, "USD"),)


COUPON = "WELCOME"
_STANDARD = ShippingMethod("standard", "Standard", _usd(490), free_from=_usd(3_500))
_EXPRESS = ShippingMethod("express", "Express", _usd(1_490))
_AIR_MAIL = ShippingMethod("air-mail", "Air mail", _usd(2_490))

DEMO_TERMS: tuple[Command, ...] = (
    SetTaxes("US", False, (TaxRate("standard", 70_000),)),
    SetTaxes("DE", True, (TaxRate("reduced", 70_000), TaxRate("standard", 190_000))),
    SetShippingZone("us", "United States", ("US",), (_STANDARD, _EXPRESS)),
    SetShippingZone("world", "Everywhere else", (EVERYWHERE_ELSE,), (_AIR_MAIL,)),
    CreateCoupon(COUPON, CouponTerms(CouponKind.PERCENT, 1_000, limit_per_customer=1, note="for the first order")),
)
