"""Rewards, where they are listed at which price, and their categories."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.generic import FormView, ListView, View

from marketplace.catalogue import services
from marketplace.catalogue.models import Category, Product
from marketplace.catalogue.selectors import matching
from marketplace.operators.catalogue.forms import CategoryForm, ListingForm, PriceForm, ProductForm
from marketplace.operators.views import OperatorMixin, SearchListView
from marketplace.partner import services as partners
from marketplace.partner.models import StockRecord
from marketplace.partner.prices import points_of
from timebank.common.errors import DomainError
from timebank.common.input import read_page
from timebank.registry.requests import SignedInRequest


class ProductListView(SearchListView):
    template_name = "dashboard/rewards.html"

    def get_queryset(self) -> Any:
        products = Product.objects.browsable_dashboard().select_related("product_class").order_by("upc", "pk")
        query = self.query()
        return matching(products, query) if query else products


class ProductCreateView(OperatorMixin, View):
    """Write down a new reward; it is listed at suppliers afterwards."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(request, ProductForm())

    def post(self, request: SignedInRequest) -> HttpResponse:
        form = ProductForm(request.POST, request.FILES)
        if not form.is_valid():
            return self.show(request, form, 422)
        product = services.save_reward(product=None, actor=request.user, **form.cleaned_data)
        messages.success(request, _("Saved. Now list it at a supplier."))
        return redirect("dashboard:catalogue-product", pk=product.pk)

    def show(self, request: HttpRequest, form: ProductForm, status: int = 200) -> HttpResponse:
        context = {"form": form, "title": _("New reward"), "back": "dashboard:catalogue-product-list", "files": True}
        return render(request, "dashboard/form.html", context, status=status)


class ProductView(OperatorMixin, View):
    """One reward: its facts, and the suppliers that list it."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        product = get_object_or_404(Product, pk=pk)
        return show_product(request, product, form=ProductForm(instance=product))

    def post(self, request: SignedInRequest, pk: int) -> HttpResponse:
        product = get_object_or_404(Product, pk=pk)
        form = ProductForm(request.POST, request.FILES, instance=product)
        if not form.is_valid():
            return show_product(request, product, form=form, status=422)
        services.save_reward(product=get_object_or_404(Product, pk=pk), actor=request.user, **form.cleaned_data)
        messages.success(request, _("Saved."))
        return redirect("dashboard:catalogue-product", pk=pk)


class ListingView(OperatorMixin, View):
    """List a reward at one more supplier."""

    http_method_names = ("post", "options")

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        product = get_object_or_404(Product, pk=pk)
        listing = ListingForm(request.POST, product=product)
        if not listing.is_valid():
            return show_product(request, product, listing=listing, status=422)
        partners.list_reward(product=product, **listing.cleaned_data)
        services.index_product(product=product)
        messages.success(request, _("Listed."))
        return redirect("dashboard:catalogue-product", pk=pk)


def show_product(
    request: HttpRequest,
    product: Product,
    *,
    form: ProductForm | None = None,
    listing: ListingForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """Render the page of one reward."""
    records = product.stockrecords.select_related("partner__village").order_by(
        "partner__village__path", "partner__name"
    )
    page = Paginator(records, 20).get_page(read_page(request.GET.get("page")))
    context = {
        "product": product,
        "in_shop": product.is_public and product.stockrecords.filter(price__isnull=False).exists(),
        "form": form or ProductForm(instance=product),
        "listing": listing or ListingForm(product=product),
        "records": [(record, points_of(record.price or 0)) for record in page],
        "page_obj": page,
    }
    return render(request, "dashboard/reward.html", context, status=status)


class PriceView(OperatorMixin, FormView):
    """Change the price of a reward at one supplier. Stock is changed by receipts and counts, never here."""

    template_name = "dashboard/form.html"
    form_class = PriceForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.user.is_authenticated and request.user.is_staff:
            records = StockRecord.objects.select_related("product", "partner__village")
            self.record = get_object_or_404(records, pk=kwargs["pk"])
        return super().dispatch(request, *args, **kwargs)

    def get_initial(self) -> dict[str, Any]:
        return {"points": points_of(self.record.price or 0)}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {
            "title": self.record.product.get_title(),
            "lead": f"{self.record.partner.village.short_name} {self.record.partner.display_name}",
            "back_url": reverse("dashboard:catalogue-product", args=[self.record.product_id]),
        }

    def form_valid(self, form: PriceForm) -> HttpResponse:
        try:
            partners.set_price(stockrecord=self.record, actor=self.request.user, **form.cleaned_data)
        except DomainError as refusal:
            form.add_error(refusal.field, str(refusal))
            return self.form_invalid(form)
        messages.success(self.request, _("Saved."))
        return redirect("dashboard:catalogue-product", pk=self.record.product_id)


class CategoryListView(OperatorMixin, ListView):
    template_name = "dashboard/categories.html"
    queryset = Category.objects.order_by("path")


class CategoryCreateView(OperatorMixin, FormView):
    template_name = "dashboard/form.html"
    form_class = CategoryForm
    extra_context = {"title": _("New category"), "back": "dashboard:catalogue-category-list"}

    def form_valid(self, form: CategoryForm) -> HttpResponse:
        services.save_category(category=None, actor=self.request.user, **form.cleaned_data)
        messages.success(self.request, _("Saved."))
        return redirect("dashboard:catalogue-category-list")


class CategoryUpdateView(OperatorMixin, FormView):
    template_name = "dashboard/form.html"
    form_class = CategoryForm

    def category(self) -> Category:
        return get_object_or_404(Category, pk=self.kwargs["pk"])

    def get_form(self, form_class: Any = None) -> CategoryForm:
        form = super().get_form(form_class)
        del form.fields["parent"]
        return form

    def get_initial(self) -> dict[str, Any]:
        category = self.category()
        return {"name": category.name, "name_en": category.name_en, "is_public": category.is_public}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {
            "title": self.category().label,
            "back": "dashboard:catalogue-category-list",
        }

    def form_valid(self, form: CategoryForm) -> HttpResponse:
        services.save_category(category=self.category(), actor=self.request.user, **form.cleaned_data)
        messages.success(self.request, _("Saved."))
        return redirect("dashboard:catalogue-category-list")
