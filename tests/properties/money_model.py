"""The money for an order as one would explain it on a napkin: what was asked for, set aside, taken and given back."""

from collections import Counter
from dataclasses import dataclass, field

from commands.rejections import AmountRefused, InvalidTransition, PaymentUnderWay, Rejected

Refusal = type[Rejected] | None

OPEN = ("REQUESTED", "AUTHORIZED")


@dataclass
class Try:
    """One way to pay that was tried. Amounts are in cents; `capturing` and `refunding` are those under way, by name."""

    amount: int
    at_once: bool
    step: str = "REQUESTED"
    voiding: bool = False
    captured: int = 0
    refunded: int = 0
    capturing: dict[str, int] = field(default_factory=dict)
    refunding: Counter[int] = field(default_factory=Counter)

    @property
    def is_wanted(self) -> bool:
        return self.step in OPEN and not self.voiding

    @property
    def capturable(self) -> int:
        return self.amount - self.captured - sum(self.capturing.values())

    @property
    def refundable(self) -> int:
        return self.captured - self.refunded - sum(self.refunding.elements())


@dataclass
class Purse:
    """`total` is what the order costs. Each method does what was asked, or says how it is refused."""

    total: int = 0
    tries: dict[str, Try] = field(default_factory=dict)
    is_pending: bool = True
    """Whether the order waits for its money."""
    failed: int = 0
    """What was to go back and did not: for people to mend."""

    @property
    def captured(self) -> int:
        return sum(each.captured for each in self.tries.values())

    @property
    def held(self) -> int:
        return self.captured - sum(each.refunded for each in self.tries.values())

    @property
    def refundable(self) -> int:
        return sum(each.refundable for each in self.tries.values())

    @property
    def state(self) -> str:
        if not self.captured:
            return list(self.tries.values())[-1].step if self.tries else "NONE"
        if not self.held:
            return "REFUNDED"
        if self.held >= self.total:
            return "CAPTURED"
        return "PARTIALLY_REFUNDED" if self.held < self.captured else "PARTIALLY_CAPTURED"

    def pay(self, name: str, *, at_once: bool) -> Refusal:
        if not self.is_pending:
            return InvalidTransition
        if any(each.is_wanted for each in self.tries.values()):
            return PaymentUnderWay
        if self.refundable >= self.total:
            self.is_pending = False
        else:
            self.tries[name] = Try(self.total - self.refundable, at_once)
        return None

    def capture(self, name: str, part: int | None) -> Refusal:
        wanted = next((each for each in self.tries.values() if each.is_wanted and each.step == "AUTHORIZED"), None)
        if wanted is None or not self.is_pending:
            return InvalidTransition
        units = wanted.capturable if part is None else part
        if not 0 < units <= wanted.capturable:
            return AmountRefused
        wanted.capturing[name] = units
        return None

    def give_back(self, part: int | None) -> Refusal:
        """The newest money first."""
        units = self.refundable if part is None else part
        if not 0 < units <= self.refundable:
            return AmountRefused
        for each in reversed(self.tries.values()):
            if share := min(units, each.refundable):
                each.refunding[share] += 1
                units -= share
        return None

    def let_go(self) -> None:
        self._call_off()
        for each in self.tries.values():
            if each.refundable:
                each.refunding[each.refundable] += 1

    def _call_off(self) -> None:
        for each in self.tries.values():
            each.voiding = each.voiding or each.step in OPEN

    def heard(self, what: str, name: str, id_: str = "", amount: int = 0) -> None:
        """News from the bank about the try of this name."""
        tried = self.tries[name]
        match what:
            case "authorized" if tried.step == "REQUESTED":
                tried.step = "AUTHORIZED"
                tried.voiding = tried.voiding or not self.is_pending
            case "declined" if tried.step == "REQUESTED":
                tried.step, tried.voiding = "DECLINED", False
            case "captured":
                self._captured(tried, id_, amount)
            case "not captured":
                tried.capturing.pop(id_, None)
            case "voided" if tried.step in OPEN:
                tried.step, tried.voiding = "CAPTURED" if tried.captured else "VOIDED", False
                tried.capturing = {}
            case "refunded":
                tried.refunding = tried.refunding - Counter([amount])
                tried.refunded += amount
            case "not refunded":
                tried.refunding = tried.refunding - Counter([amount])
                self.failed += amount

    def _captured(self, tried: Try, id_: str, amount: int) -> None:
        """What is due is kept; what is more than that goes back."""
        tried.capturing.pop(id_, None)
        tried.captured += amount
        if not id_ or tried.captured >= tried.amount:
            tried.step, tried.voiding = "CAPTURED", False
        too_much = amount
        if self.is_pending:
            too_much = min(self.refundable - self.total, amount)
            if self.refundable >= self.total:
                self.is_pending = False
                self._call_off()
        if too_much > 0:
            tried.refunding[too_much] += 1
