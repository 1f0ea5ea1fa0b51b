"""The shelf, a category, a reward: lists from the database, under the names that Oscar looks for."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.functional import cached_property
from django.views.generic import ListView, View

from marketplace.basket.forms import AddForm
from marketplace.catalogue import selectors
from marketplace.catalogue.forms import ShelfForm
from marketplace.catalogue.models import Category, Product


class ShelfView(ListView):
    """Rewards of the reader's village, filtered by search word, category and what the reader can afford."""

    model = Product
    paginate_by = 24
    http_method_names = ("get", "head", "options")
    template_name = "catalogue/shelf.html"
    category: Category | None = None

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().get(request, *args, **kwargs)
        except Http404:
            if "page" not in request.GET:
                raise
            query = request.GET.copy()
            del query["page"]
            return redirect(f"{request.path}?{query.urlencode()}" if query else request.path)

    @cached_property
    def form(self) -> ShelfForm:
        form = ShelfForm(self.request.GET)
        form.is_valid()
        return form

    @cached_property
    def spendable(self) -> int | None:
        return selectors.spendable(self.request.strategy.resident)

    def asked(self, name: str) -> Any:
        return self.form.cleaned_data.get(name) if self.form.is_bound else None

    def get_queryset(self) -> Any:
        affordable = self.spendable if self.asked("affordable") else None
        return selectors.rewards(
            self.request.strategy, category=self.category, query=self.asked("q") or "", affordable_with=affordable
        )

    def get_template_names(self) -> list[str]:
        htmx = getattr(self.request, "htmx", None)
        return ["catalogue/_shelf.html" if htmx and htmx.target == "shelf" else self.template_name]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        strategy = self.request.strategy
        context.update(
            form=self.form,
            cards=selectors.cards(strategy, list(context["object_list"])),
            shelves=selectors.shelves(strategy),
            category=self.category,
            root=self.category,
            query=self.asked("q") or "",
            spendable=self.spendable,
            strategy=strategy,
            resident=strategy.resident,
        )
        return context

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        response = super().render_to_response(context, **kwargs)
        response.headers["Vary"] = "HX-Request, Cookie, Accept-Language"
        return response


class CatalogueView(ShelfView):
    """All rewards."""


class ProductCategoryView(ShelfView):
    """The rewards of one category and those below it."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self.category = get_object_or_404(Category.objects.browsable(), pk=kwargs["pk"])
        if kwargs["category_slug"] != self.category.slug:
            return redirect(self.category.get_absolute_url(), permanent=True)
        return super().get(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        assert self.category is not None  # noqa: S101 - get() found it
        root = self.category.path[: Category.steplen]
        context["root"] = next((shelf for shelf in context["shelves"] if shelf.path == root), self.category)
        return context


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
