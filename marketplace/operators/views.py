"""What operators see first, and the suppliers."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin, UserPassesTestMixin
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.generic import CreateView, ListView, TemplateView, UpdateView

from marketplace.catalogue.models import Product
from marketplace.operators.forms import PartnerForm, SearchForm
from marketplace.order.models import STATUS_LABELS, Order
from marketplace.partner import services
from marketplace.partner.models import Partner
from timebank.registry.requests import SignedInRequest


class OperatorMixin(LoginRequiredMixin, UserPassesTestMixin):
    """Let platform operators in: visitors are sent to sign in, everyone else is refused (403)."""

    request: SignedInRequest

    def test_func(self) -> bool:
        return self.request.user.is_staff


class SearchListView(OperatorMixin, ListView):
    """A list with a search word."""

    paginate_by = 50

    def query(self) -> str:
        self.form = SearchForm(self.request.GET)
        return self.form.cleaned_data["q"] if self.form.is_valid() else ""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"form": self.form}


class IndexView(OperatorMixin, TemplateView):
    """Counts of what there is."""

    template_name = "dashboard/index.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        states = dict(Order.objects.values_list("status").annotate(Count("pk")).order_by())
        return super().get_context_data(**kwargs) | {
            "rewards": Product.objects.filter(is_public=True).count(),
            "hidden": Product.objects.filter(is_public=False).count(),
            "suppliers": Partner.objects.filter(is_active=True).count(),
            "orders": [(label, states.get(status, 0)) for status, label in STATUS_LABELS.items()],
        }


class PartnerListView(SearchListView):
    template_name = "dashboard/partners.html"

    def get_queryset(self) -> Any:
        partners = (
            Partner.objects.select_related("village")
            .annotate(listed=Count("stockrecords"))
            .order_by("village__path", "name")
        )
        query = self.query()
        return (
            partners.filter(name__icontains=query) | partners.filter(village__short_name__icontains=query)
            if query
            else partners
        )


class PartnerCreateView(OperatorMixin, CreateView):
    template_name = "dashboard/form.html"
    form_class = PartnerForm
    extra_context = {"title": _("New supplier"), "back": "dashboard:partner-list"}

    def form_valid(self, form: Any) -> HttpResponse:
        facts = {key: value for key, value in form.cleaned_data.items() if key not in {"region_code", "is_active"}}
        partner = services.create_partner(village=form.village, **facts)
        messages.success(self.request, _("%(name)s is in the list of suppliers.") % {"name": partner.display_name})
        return redirect("dashboard:partner-manage", pk=partner.pk)


class PartnerManageView(OperatorMixin, UpdateView):
    template_name = "dashboard/form.html"
    form_class = PartnerForm
    queryset = Partner.objects.select_related("village")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {
            "title": self.object.display_name,
            "lead": self.object.village.short_name,
            "back": "dashboard:partner-list",
        }

    def form_valid(self, form: Any) -> HttpResponse:
        partner = services.update_partner(partner=self.get_object(), actor=self.request.user, **form.cleaned_data)
        messages.success(self.request, _("Saved."))
        return redirect(reverse("dashboard:partner-manage", args=[partner.pk]))
