"""Whose price, whose stock: the strategy knows the resident, so web, counter and batch all price alike."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from oscar.apps.partner import strategy as oscar
from oscar.apps.partner.availability import Available
from oscar.apps.partner.prices import Unavailable as NoPrice

from marketplace.partner.availability import InStock, Refused
from marketplace.partner.prices import PointsPrice, points_of

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from marketplace.catalogue.models import Product
    from marketplace.partner.models import StockRecord
    from timebank.registry.models import Region, Resident


class Selector(oscar.Selector):
    def strategy(self, request: Any = None, user: Any = None, **kwargs: Any) -> Points:
        """Return the strategy for a page (request), a user, or ``resident=``, ``village=`` given by name."""
        return Points(request, user=user, **kwargs)


class Points(oscar.Structured):
    """Prices in points with the resident's star discount; stock of suppliers that serve the resident's village.

    Without a resident and without ``village`` (a visitor) every supplier's stock shows, at list price.
    """

    def __init__(
        self,
        request: Any = None,
        *,
        user: Any = None,
        resident: Resident | None = None,
        village: Region | None = None,
    ):
        super().__init__(request)
        self.user = self.user or user
        self._resident = resident
        self._village = village

    @cached_property
    def resident(self) -> Resident | None:
        """Who the reward is for: given, or whom this session acts for, or the user's own."""
        if self._resident is not None:
            return self._resident
        from timebank.registry import selectors as registry

        if self.request is not None:
            return registry.acting_resident(self.request)
        return registry.resident_of(self.user) if self.user is not None and self.user.is_authenticated else None

    @cached_property
    def village(self) -> Region | None:
        if self._village is not None or self.resident is None:
            return self._village
        return self.resident.village

    @cached_property
    def reach(self) -> tuple[str, ...] | None:
        """Tree paths of the village and all above it: a supplier there serves the village. None means everywhere."""
        if self.village is None:
            return None
        path, step = self.village.path, self.village.steplen
        return tuple(path[:end] for end in range(step, len(path) + 1, step))

    @cached_property
    def standing(self) -> Any:
        """The resident's star level this year, or None."""
        if self.resident is None:
            return None
        from timebank.service import selectors as service

        return service.standing_of(self.resident, timezone.localdate().year)

    @property
    def star(self) -> int:
        return self.standing.star if self.standing else 0

    @property
    def percent(self) -> int:
        return self.standing.discount_percent if self.standing else 0

    def in_reach(self, stockrecord: StockRecord) -> bool:
        """Whether the supplier of ``stockrecord`` serves this village. Reads ``partner.village``."""
        return self.reach is None or stockrecord.partner.village.path in self.reach

    @cached_property
    def suppliers(self) -> list[int]:
        """The suppliers in this village's reach, by id: few, and read once for all that is asked about the shelf."""
        from marketplace.partner.models import Partner

        near = Partner.objects.filter(is_active=True, village__path__in=self.reach or ())
        return list(near.values_list("pk", flat=True))

    def listed(self, queryset: QuerySet[StockRecord]) -> QuerySet[StockRecord]:
        """Filter to what this reader may see, in no order."""
        queryset = queryset.filter(price__isnull=False)
        if self.reach is None:
            return queryset.filter(partner__is_active=True)
        return queryset.filter(partner__in=self.suppliers)

    def stockrecords(self, queryset: QuerySet[StockRecord]) -> QuerySet[StockRecord]:
        """Filter to what this reader may see, the nearest supplier first, then the cheapest."""
        queryset = queryset.filter(partner__is_active=True, price__isnull=False)
        if self.reach is not None:
            queryset = queryset.filter(partner__village__path__in=self.reach)
        return queryset.order_by("-partner__village__depth", "price", "pk")

    # -- What Oscar asks ---------------------------------------------------------------------------------------------
    def select_stockrecord(self, product: Product) -> StockRecord | None:
        return self.stockrecords(product.stockrecords.select_related("partner__village")).first()

    def fetch_for_line(self, line: Any, stockrecord: StockRecord | None = None) -> oscar.PurchaseInfo:
        """Price the line by its own stock record; Oscar would look for another one."""
        return self.fetch_for_product(line.product, stockrecord or line.stockrecord)

    def pricing_policy(self, product: Product, stockrecord: StockRecord | None) -> Any:
        if stockrecord is None or stockrecord.price is None:
            return NoPrice()
        return PointsPrice(list_points=points_of(stockrecord.price), percent=self.percent)

    def parent_pricing_policy(self, product: Product, children_stock: list[tuple[Product, StockRecord | None]]) -> Any:
        prices = [record.price for __, record in children_stock if record is not None and record.price is not None]
        return PointsPrice(list_points=points_of(min(prices)), percent=self.percent) if prices else NoPrice()

    def availability_policy(self, product: Product, stockrecord: StockRecord | None) -> Any:
        if stockrecord is None or stockrecord.price is None:
            return Refused("not_your_village" if self.reach is not None else "unavailable")
        if not stockrecord.partner.is_active:
            return Refused("closed")
        if not self.in_reach(stockrecord):
            return Refused("not_your_village")
        if not product.is_public:
            return Refused("unavailable")
        if self.resident is not None and product.min_star > self.star:
            return Refused("below_level", star=product.min_star)
        if not product.get_product_class().track_stock:
            return Available()
        return InStock(stockrecord.net_stock_level)

    def parent_availability_policy(
        self, product: Product, children_stock: list[tuple[Product, StockRecord | None]]
    ) -> Any:
        policies = [self.availability_policy(child, record) for child, record in children_stock]
        return next((policy for policy in policies if policy.is_available_to_buy), Refused())
