"""Where the shop sends parcels, how, and for how much. All zones are in one stream: no country may be in two."""

from dataclasses import dataclass

from events.values import Money

ZONES = "all"
EVERYWHERE_ELSE = "*"
"""Stands among the countries of a zone for all that no other zone names."""


@dataclass(frozen=True, slots=True)
class ShippingMethod:
    """`prices` has one per currency; for goods of at least `free_from` in that currency it costs nothing."""

    method_id: str
    name: str
    prices: tuple[Money, ...]
    free_from: tuple[Money, ...] = ()


@dataclass(frozen=True, slots=True)
class ShippingZoneSet:
    """`countries` are ISO 3166 codes, or `*` for everywhere else."""

    zone_id: str
    name: str
    countries: tuple[str, ...]
    methods: tuple[ShippingMethod, ...]
    zones: str = ZONES


@dataclass(frozen=True, slots=True)
class ShippingZoneRemoved:
    zone_id: str
    zones: str = ZONES


ShippingEvent = ShippingZoneSet | ShippingZoneRemoved
