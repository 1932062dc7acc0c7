"""Staff keep coupons."""

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import Field

from api.commands.prices import Moment
from api.fields import AmountList, Body, CategoryField, CouponCode, CouponPath, ShortText, Units
from api.handling import Changed, Handle
from api.problems import invalid
from api.security import Staff
from api.straight import StraightRoute
from commands.coupon import MAX_PER_CUSTOMER, ChangeCoupon, CreateCoupon, WithdrawCoupon, coupons
from commands.totals import BASIS_POINTS
from events.coupon import CouponKind, CouponTerms

router = APIRouter(prefix="/v1/coupons", tags=["checkout"], route_class=StraightRoute)


class TermsField(Body):
    """What a coupon gives, and when it counts. Lists of amounts have one per currency."""

    percent_bp: Annotated[
        int, Field(ge=0, le=BASIS_POINTS, strict=True, description="Hundredths of a percent, for `percent`.")
    ] = 0
    amounts: Annotated[AmountList, Field(description="What it takes off, for `fixed`.")] = Field(default_factory=list)
    category_id: Annotated[
        CategoryField | None, Field(description="For goods of this category and those below it only.")
    ] = None
    minimum: Annotated[AmountList, Field(description="What the goods it is for must come to.")] = Field(
        default_factory=list
    )
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    limit: Annotated[Units | None, Field(description="How many orders may have it, in all.")] = None
    limit_per_customer: Annotated[int | None, Field(ge=1, le=MAX_PER_CUSTOMER, strict=True)] = None
    note: ShortText = ""

    def given(self) -> dict[str, Any]:
        """The terms that were named."""
        found = {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}
        for name in found.keys() & {"amounts", "minimum"}:
            found[name] = tuple(each.value() for each in found[name])
        return found


class NewCoupon(TermsField):
    code: CouponCode
    kind: CouponKind


@router.post("", status_code=201, response_model=Changed)
async def create_coupon(body: NewCoupon, staff: Staff, handle: Handle) -> Response:
    """Codes are the same in capitals and small letters."""
    given = body.given()
    code = given.pop("code")
    command = CreateCoupon(code, CouponTerms(**given))
    return await handle(command, about=coupons(code), status=201, location=f"/v1/coupons/{code}")


@router.patch("/{code}", response_model=Changed)
async def change_coupon(code: CouponPath, body: TermsField, staff: Staff, handle: Handle) -> Response:
    """What is left out stays as it is; null takes a bound or a limit away."""
    if not body.model_fields_set:
        raise invalid("", "Say what to change.")
    return await handle(ChangeCoupon(code, body.given()), about=coupons(code))


@router.delete("/{code}", response_model=Changed)
async def withdraw_coupon(code: CouponPath, staff: Staff, handle: Handle) -> Response:
    """It counts no more. Orders that have it keep their prices, and the code stays taken."""
    return await handle(WithdrawCoupon(code), about=coupons(code))
