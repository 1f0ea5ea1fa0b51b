"""The basket page, and the three things one may do to it, each by POST."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.generic import View

from marketplace.basket import selectors, services
from marketplace.basket.forms import AddForm, QuantityForm
from marketplace.catalogue.models import Product
from timebank.common.errors import DomainError


class BasketView(View):
    """What lies in the basket, by supplier; points before and after."""

    http_method_names = ("get", "head", "options")

    def get(self, request: HttpRequest) -> HttpResponse:
        return show(request)


class BasketAddView(View):
    """Put a reward into the basket; ``now`` leads on to redeeming. A visitor signs in and comes back to the reward."""

    http_method_names = ("post", "options")

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        product = get_object_or_404(Product.objects.browsable().select_related("product_class"), pk=pk)
        if not request.user.is_authenticated:
            return redirect_to_login(product.get_absolute_url())
        form = AddForm(request.POST)
        if not form.is_valid():
            messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
            return redirect(product.get_absolute_url())
        try:
            services.add_to_basket(basket=request.basket, product=product, quantity=form.cleaned_data["quantity"])
        except DomainError as refusal:
            messages.error(request, str(refusal))
            return redirect(product.get_absolute_url())
        if "now" in request.POST:
            return redirect("rewards:confirm")
        messages.success(request, _("%(title)s is in your basket.") % {"title": product.get_title()})
        return redirect("basket:summary")


class BasketLineView(View):
    """Change how many of a line; none takes it out."""

    http_method_names = ("post", "options")

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect_to_login(reverse("basket:summary"))
        # Looked up before the middleware makes a basket: a refusal leaves no row behind.
        get_object_or_404(selectors.lines_of(request), pk=pk)
        line = get_object_or_404(request.basket.all_lines(), pk=pk)
        form = QuantityForm(request.POST)
        error: DomainError | None = None
        if form.is_valid():
            try:
                services.set_quantity(basket=request.basket, line=line, quantity=form.cleaned_data["quantity"])
            except DomainError as refusal:
                error = refusal
        else:
            error = DomainError(" ".join(text for errors in form.errors.values() for text in errors), code="bad_number")
        if request.htmx:
            return show(request, error)
        if error:
            messages.error(request, str(error))
        return redirect("basket:summary")


def show(request: HttpRequest, error: DomainError | None = None) -> HttpResponse:
    """Render the basket page; htmx takes the basket and the count in the top bar out of it."""
    context: dict[str, Any] = {
        "summary": selectors.summary_of(request.basket),
        "resident": request.strategy.resident,
        "error": error,
    }
    return render(request, "basket/basket.html", context)
