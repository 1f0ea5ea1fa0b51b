"""What every villager may see of the village's fund."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from marketplace.funds.models import Fund
from marketplace.funds.selectors import keeper as selectors
from marketplace.funds.selectors import public
from marketplace.funds.selectors.coverage import history, latest
from marketplace.funds.selectors.figures import months_of, purposes_of, standing_of
from timebank.common.numbers import format_money
from timebank.ledger import selectors as ledger_read


@require_safe
def fund_statement(request: HttpRequest, fund_pk: int) -> HttpResponseBase:
    """Show what came in, what went out, what is earmarked, and how far the points are covered."""
    fund = get_object_or_404(Fund.objects.select_related("region", "bank_account"), pk=fund_pk)
    lots = ledger_read.lots_of(fund.wallet_key)
    standing = standing_of(fund, lots)
    snapshots = history(fund)
    return render(
        request,
        "funds/public.html",
        {
            "fund": fund,
            "snapshot": snapshots[-1] if snapshots else latest(fund),
            "chart": selectors.chart_of(snapshots, fund),
            "months": public.months_in_words(months_of(fund)[-12:]),
            "purposes": [purpose for purpose in purposes_of(fund, lots) if purpose.given],
            "facts": [
                (_("Free money"), format_money(standing["free"])),
                (_("Earmarked"), format_money(standing["earmarked"])),
                (_("Owed to suppliers"), format_money(standing["payable"])),
            ],
        },
    )


@require_safe
def public_list(request: HttpRequest) -> HttpResponseBase:
    """List the funds of all villages with their cover."""
    return render(request, "funds/public_list.html", {"funds": public.all_funds()})
