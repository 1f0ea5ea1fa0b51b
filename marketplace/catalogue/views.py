"""The shelf, a category, a reward: lists from the database, under the names that Oscar looks for."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.conf import settings
from django.core.cache import cache
from django.core.paginator import InvalidPage, Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.utils.functional import cached_property
from django.utils.safestring import SafeString
from django.views.generic import View

from marketplace.basket.forms import AddForm
from marketplace.catalogue import selectors
from marketplace.catalogue.forms import ShelfForm
from marketplace.catalogue.models import Category
from timebank.common.input import read_text


class Drawn(NamedTuple):
    """A page of the shelf and the categories above it, as HTML."""

    shelf: SafeString
    signs: SafeString


class ShelfView(View):
    """Rewards of the reader's village, filtered by search word, category and what the reader can afford.

    What a village's shelf shows is the same for everybody of one star level: the drawn list is kept for
    ``SHELF_SECONDS`` (docs/adr/0063-kept-shelf.md). What somebody searches is drawn for them alone.
    """

    http_method_names = ("get", "head", "options")
    category: Category | None = None

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            drawn = self.drawn()
        except InvalidPage:
            query = request.GET.copy()
            del query["page"]
            return redirect(f"{request.path}?{query.urlencode()}" if query else request.path)
        htmx = getattr(request, "htmx", None)
        if htmx and htmx.target == "shelf":
            response = HttpResponse(drawn.shelf)
        else:
            response = render(request, "catalogue/shelf.html", {**self.facts, "drawn": drawn})
        response.headers["Vary"] = "HX-Request, Cookie, Accept-Language"
        return response

    @cached_property
    def form(self) -> ShelfForm:
        form = ShelfForm(self.request.GET)
        form.is_valid()
        return form

    @cached_property
    def spendable(self) -> int | None:
        return selectors.spendable(self.request.strategy.resident)

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What the page and the list on it both show."""
        strategy = self.request.strategy
        return {
            "form": self.form,
            "category": self.category,
            "query": self.asked("q") or "",
            "spendable": self.spendable,
            "strategy": strategy,
            "resident": strategy.resident,
        }

    @cached_property
    def page(self) -> str:
        return read_text(self.request.GET.get("page"), 10)

    def asked(self, name: str) -> Any:
        return self.form.cleaned_data.get(name) if self.form.is_bound else None

    def drawn(self) -> Drawn:
        """Return the list and the categories as drawn, kept or new; raise InvalidPage for a page that is not."""
        seconds = settings.SHELF_SECONDS
        if not seconds or set(self.request.GET) - {"page"}:
            return self.draw()
        key = selectors.shelf_key(self.request.strategy, self.category, self.page)
        kept: Drawn | None = cache.get(key)
        if kept is None:
            kept = self.draw()
            cache.set(key, kept, seconds)
        return kept

    def draw(self) -> Drawn:
        strategy = self.request.strategy
        rewards = selectors.rewards(
            strategy,
            category=self.category,
            query=self.asked("q") or "",
            affordable_with=self.spendable if self.asked("affordable") else None,
        )
        page = Paginator(selectors.chosen(rewards), settings.OSCAR_PRODUCTS_PER_PAGE).page(self.page or 1)
        shelves = selectors.shelves(strategy)
        path = self.category.path[: Category.steplen] if self.category else ""
        facts = {
            **self.facts,
            "cards": selectors.cards(strategy, list(page.object_list)),
            "page_obj": page,
            "paginator": page.paginator,
            "shelves": shelves,
            "root": next((shelf for shelf in shelves if shelf.path == path), self.category),
        }
        shelf = render_to_string("catalogue/_shelf.html", facts, self.request)
        return Drawn(shelf, render_to_string("catalogue/_signs.html", facts, self.request))


class CatalogueView(ShelfView):
    """All rewards."""


class ProductCategoryView(ShelfView):
    """The rewards of one category and those below it."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self.category = get_object_or_404(Category.objects.browsable(), pk=kwargs["pk"])
        if kwargs["category_slug"] != self.category.slug:
            return redirect(self.category.get_absolute_url(), permanent=True)
        return super().get(request, *args, **kwargs)


class ProductDetailView(View):
    """Picture, price, what one has and needs, limit, validity, who hands it over and when."""

    http_method_names = ("get", "head", "options")

    def get(self, request: HttpRequest, product_slug: str, pk: str) -> HttpResponse:
        product = selectors.detail(int(pk))
        if product is None:
            raise Http404
        if product.slug != product_slug:
            return redirect(product.get_absolute_url(), permanent=True)
        return render(request, "catalogue/reward.html", self.context(request, product))

    def context(self, request: HttpRequest, product: Any) -> dict[str, Any]:
        strategy = request.strategy
        info = strategy.fetch_for_product(product)
        if info.stockrecord is None and strategy.reach is None:
            raise Http404  # nobody lists it
        has = selectors.spendable(strategy.resident)
        price = info.price.points if info.price.exists else None
        return {
            "product": product,
            "picture": selectors.picture_of(product, info.stockrecord),
            "info": info,
            "partner": info.stockrecord.partner if info.stockrecord else None,
            "stock": selectors.stock_of(info),
            "price": price,
            "has": has,
            "missing": max(0, price - has) if price is not None and has is not None else None,
            "left_after": has - price if price is not None and has is not None and has >= price else None,
            "limit": selectors.limit_words(product),
            "category": next(iter(product.categories.all()), None),
            "form": AddForm(),
            "resident": strategy.resident,
            "strategy": strategy,
        }
