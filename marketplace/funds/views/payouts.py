"""Payouts and the bank's file."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from marketplace.funds import rules
from marketplace.funds.models import (
    BankFile,
    Fund,
    Payout,
)
from marketplace.funds.selectors import keeper as selectors
from marketplace.funds.services import payouts
from marketplace.funds.views.common import (
    Button,
    Rows,
    Section,
    badge,
    fresh_key,
    fund_page,
    num,
    pages,
    person,
    show,
    yuan,
)
from timebank.common.input import InvalidInput
from timebank.registry.rules import can
from timebank.ui.templatetags.ui import timestamp


@require_http_methods(["GET", "POST"])
@fund_page(*rules.INSIDE)
def payout_list(request: HttpRequest, fund: Fund) -> HttpResponseBase:
    """List payouts: put the approved ones into a file, say what the bank did with the others."""
    actor = person(request)
    if request.method == "POST":
        done = _payout_step(request, fund)
        if done:
            messages.success(request, done)
        return redirect("funds:payouts", fund.pk)
    page = pages(request, selectors.payouts_of(fund))
    may_bank = can(actor, rules.RECORD_BANK, region=fund.region)
    rows: Rows = []
    for item in page:
        buttons = []
        if may_bank and item.state == Payout.State.SENT:
            buttons.append(Button(_("The bank paid"), "", {"paid": item.pk}))
            buttons.append(Button(_("The bank refused"), "", {"failed": item.pk}, "plain"))
        if may_bank and item.state == Payout.State.PAID:
            buttons.append(Button(_("It came back"), "", {"returned": item.pk}, "plain"))
        if item.state in {Payout.State.FAILED, Payout.State.RETURNED} and can(
            actor, rules.KEEP_FUND, region=fund.region
        ):
            buttons.append(Button(_("Prepare anew"), "", {"again": item.pk}))
        what = item.statement.partner.display_name if item.statement else item.expense.text
        rows.append(([what, str(item.payee_account), yuan(item.fen), badge(item)], buttons))
    ready = list(selectors.payouts_of(fund).filter(state="approved", bank_account=fund.bank_account))
    files: Rows = [
        (
            [timestamp(row.written_at), row.count, yuan(row.fen)],
            [Button(_("Download"), reverse("funds:bank_file", args=[fund.pk, row.pk]), {"read": "1"})]
            if can(actor, rules.KEEP_FUND, region=fund.region)
            else [],
        )
        for row in BankFile.objects.filter(payouts__in=selectors.payouts_of(fund).values("pk")).distinct()[:20]
    ]
    buttons = []
    if ready and can(actor, rules.KEEP_FUND, region=fund.region):
        total = yuan(sum(row.fen for row in ready))["text"]
        label = _("Write the bank's file: %(n)d payments, %(total)s") % {"n": len(ready), "total": total}
        fields = {"write": ",".join(str(row.pk) for row in ready), "key": fresh_key()}
        buttons.append(Button(label, "", fields, "primary"))
    return show(
        request,
        fund=fund,
        title=_("Payouts"),
        facts=[(_("In the bank account"), yuan(selectors.asset_of(fund))["text"])],
        buttons=buttons,
        sections=[
            Section(
                _("Payouts"),
                [_("For what?"), _("Account"), num(_("Amount")), _("State")],
                rows,
                empty=_("No payout yet."),
                page=page,
            ),
            Section(_("Bank files"), [_("Written"), num(_("Payments")), num(_("Amount"))], files, empty=_("None.")),
        ],
    )


def _payout_step(request: HttpRequest, fund: Fund) -> str:
    """Do what a button of the list asks for; return what to say."""
    actor, post = person(request), request.POST

    def issued(name: str) -> Payout:
        return get_object_or_404(selectors.payouts_of(fund), pk=selectors.number(post.get(name)))

    if "write" in post:
        ids = [selectors.number(part) for part in post["write"].split(",")]
        allowed = set(selectors.payouts_of(fund).filter(pk__in=ids).values_list("pk", flat=True))
        if set(ids) != allowed:
            raise Http404
        try:
            file = payouts.write_bank_file(
                bank_account=fund.bank_account, payout_ids=ids, actor=actor, key=post.get("key", "")
            )
        except ValueError as error:
            if isinstance(error, InvalidInput):
                raise
            raise Http404 from error
        return _("The file is written: %(n)d payments.") % {"n": file.count}
    if "paid" in post:
        payouts.confirm_paid(payout=issued("paid"), actor=actor)
        return _("Written down.")
    if "failed" in post:
        payouts.fail_payout(payout=issued("failed"), actor=actor, reason=post.get("reason") or _("The bank refused"))
        return _("Written down.")
    if "returned" in post:
        payouts.bounce_payout(payout=issued("returned"), actor=actor, reason=post.get("reason") or _("It came back"))
        return _("Written down.")
    if "again" in post:
        payouts.prepare_again(payout=issued("again"), actor=actor)
        return _("Prepared. A second person approves it.")
    raise Http404


@require_POST
@fund_page(rules.KEEP_FUND)
def bank_file(request: HttpRequest, fund: Fund, pk: int) -> HttpResponseBase:
    """Hand a bank file out; each time is noted."""
    result = get_object_or_404(
        BankFile.objects.filter(payouts__in=selectors.payouts_of(fund).values("pk"))
        .select_related("bank_account__region", "format")
        .distinct(),
        pk=pk,
    )
    answer = HttpResponse(payouts.read_bank_file(file=result, actor=person(request)), content_type="text/csv")
    answer["Content-Disposition"] = f'attachment; filename="bank-{result.pk}.csv"'
    answer["Cache-Control"] = "no-store"
    return answer
