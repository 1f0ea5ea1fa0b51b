"""The page of one reward."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.generic import View

from marketplace.basket.forms import AddForm
from marketplace.catalogue import selectors
from marketplace.search.views import CatalogueView, ProductCategoryView

__all__ = ["CatalogueView", "ProductCategoryView", "ProductDetailView"]


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
