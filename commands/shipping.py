"""Where the shop sends parcels, by which methods and for how much. Without any zone it sends everywhere for nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from commands.checkout_rejections import (
    AddressRequired,
    CountryInAnotherZone,
    ShippingMethodRequired,
    ShippingUnavailable,
)
from commands.decider import Fold, Read
from commands.rejections import LimitExceeded
from events.shipping import (
    EVERYWHERE_ELSE,
    ZONES,
    ShippingEvent,
    ShippingMethod,
    ShippingZoneRemoved,
    ShippingZoneSet,
)
from events.values import Money

MAX_ZONES = 50
MAX_METHODS = 20


@dataclass(frozen=True, slots=True)
class SetShippingZone:
    """The whole zone as it is from now on."""

    zone_id: str
    name: str
    countries: tuple[str, ...]
    methods: tuple[ShippingMethod, ...]


@dataclass(frozen=True, slots=True)
class RemoveShippingZone:
    zone_id: str


ShippingCommand = SetShippingZone | RemoveShippingZone


@dataclass(frozen=True, slots=True)
class Zone:
    name: str
    countries: tuple[str, ...]
    methods: tuple[ShippingMethod, ...]


@dataclass(frozen=True, slots=True)
class Zones:
    zones: Mapping[str, Zone] = field(default_factory=dict)

    def of(self, country: str) -> Zone | None:
        """The one that names the country, or the one for everywhere else."""
        named = {each: zone for zone in self.zones.values() for each in zone.countries}
        return named.get(country) or named.get(EVERYWHERE_ELSE)


def evolve(zones: Zones, event: ShippingEvent) -> Zones:
    others = {zone_id: zone for zone_id, zone in zones.zones.items() if zone_id != event.zone_id}
    match event:
        case ShippingZoneSet(zone_id, name, countries, methods):
            return Zones({**others, zone_id: Zone(name, countries, methods)})
        case ShippingZoneRemoved():
            return Zones(others)
        case _:
            assert_never(event)


all_zones = Fold("shipping", Zones(), evolve)(ZONES)


def decide(command: ShippingCommand, read: Read) -> Sequence[ShippingEvent]:
    known = read(all_zones).zones
    match command:
        case SetShippingZone(zone_id, name, countries, methods):
            _check(command, known)
            if known.get(zone_id) == Zone(name, countries, methods):
                return []
            return [ShippingZoneSet(zone_id, name, countries, methods)]
        case RemoveShippingZone(zone_id):
            return [ShippingZoneRemoved(zone_id)] if zone_id in known else []
        case _:
            assert_never(command)


def _check(command: SetShippingZone, known: Mapping[str, Zone]) -> None:
    for zone_id, zone in known.items():
        for country in zone.countries:
            if zone_id != command.zone_id and country in command.countries:
                raise CountryInAnotherZone(country, zone_id)
    if command.zone_id not in known and len(known) >= MAX_ZONES:
        raise LimitExceeded(f"There are at most {MAX_ZONES} zones.", limit=MAX_ZONES)
    named = {each.method_id for each in command.methods}
    if not 0 < len(command.methods) <= min(len(named), MAX_METHODS):
        raise LimitExceeded(f"A zone has 1 to {MAX_METHODS} methods, each with an id of its own.", limit=MAX_METHODS)


def price_of(method: ShippingMethod, goods: Money) -> Money | None:
    """For goods of that amount after discounts; None if the method has no price in their currency."""
    price = next((each for each in method.prices if each.currency == goods.currency), None)
    free = any(each.currency == goods.currency and each.amount <= goods.amount for each in method.free_from)
    return Money(0, goods.currency) if price is not None and free else price


def methods_to(country: str | None, currency: str, read: Read) -> Sequence[ShippingMethod] | None:
    """Those with a price in the currency; None where the shop has no zones at all.

    Raises AddressRequired or ShippingUnavailable."""
    zones = read(all_zones)
    if not zones.zones:
        return None
    if country is None:
        raise AddressRequired
    zone = zones.of(country)
    in_zone = () if zone is None else zone.methods
    methods = [method for method in in_zone if any(price.currency == currency for price in method.prices)]
    if not methods:
        raise ShippingUnavailable(country, ())
    return methods


def chosen(method_id: str | None, country: str | None, methods: Sequence[ShippingMethod]) -> ShippingMethod:
    """If there is one only, it need not be named. Raises ShippingMethodRequired or ShippingUnavailable."""
    if method_id is None and len(methods) == 1:
        return methods[0]
    names = [each.method_id for each in methods]
    if method_id is None:
        raise ShippingMethodRequired(names)
    if method_id not in names:
        raise ShippingUnavailable(country or "", names)
    return methods[names.index(method_id)]
