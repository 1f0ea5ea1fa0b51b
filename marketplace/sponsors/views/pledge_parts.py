"""What pages of the desk and of the sponsor say of a pledge: words, tables, the agreement."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from marketplace.sponsors import forms
from marketplace.sponsors.models import Pledge
from marketplace.sponsors.services import papers as paper_services
from marketplace.sponsors.views.common import Act, Table, cell, num
from timebank.common.numbers import format_money
from timebank.ui.templatetags.ui import day


def name_of(pledge: Pledge) -> str:
    """Name a sponsor for the desk and for itself."""
    return pledge.enterprise.organisation.name


def amount_of(pledge: Pledge) -> str:
    """Write what a pledge is of."""
    return format_money(pledge.amount_fen) if pledge.kind == Pledge.Kind.MONEY else f"× {pledge.units}"


def came_of(pledge: Pledge) -> str:
    """Write what of a pledge came."""
    return format_money(pledge.received_fen) if pledge.kind == Pledge.Kind.MONEY else f"× {pledge.received_units}"


def pledge_badges(row: Pledge) -> list[tuple[Any, str]]:
    """Return the state of a pledge, and whether the sponsor is paid out of it."""
    badges = [(row.get_state_display(), row.tone)]
    if row.related_party:
        badges.append((_("The sponsor is paid out of its own gift"), "warn"))
    return badges


def pledge_facts(row: Pledge) -> list[tuple[Any, Any]]:
    """Return what a pledge says."""
    facts: list[tuple[Any, Any]] = [
        (_("Sponsor"), name_of(row)),
        (_("Kind"), f"{row.get_kind_display()} · {row.get_nature_display()}"),
        (_("Fund"), str(row.fund)),
        (pgettext("gift", "Promised"), amount_of(row)),
        (_("Expected by"), day(row.due_on, "date")),
    ]
    if row.kind == Pledge.Kind.MONEY:
        facts += [
            (_("Given"), format_money(row.received_fen)),
            (_("Fee of the payment service"), format_money(row.fee_fen)),
            (_("At work"), format_money(max(row.received_fen - row.fee_fen, 0))),
        ]
    else:
        facts.append((pgettext("gift", "Came"), came_of(row)))
    if row.need is not None:
        facts.append((_("Need"), row.need.title))
    if row.purpose is not None:
        facts.append((_("Purpose"), str(row.purpose)))
    if row.supplier is not None:
        facts.append((_("Only at"), row.supplier.display_name))
    if row.min_age:
        facts.append((_("From age"), row.min_age))
    if row.reason:
        facts.append((_("Reason"), row.reason))
    return facts


def receipt_table(row: Pledge) -> Table:
    """List the receipts of a pledge."""
    rows = [
        (
            cell(receipt.number, reverse("sponsors:receipt", args=[receipt.pk])),
            day(receipt.issued_at, "date"),
            receipt.text,
            num(format_money(receipt.fen)),
        )
        for receipt in row.receipts.all()
    ]
    return Table(
        _("Receipts"), (pgettext("gift", "Number"), _("Day"), _("What"), num(_("Amount"))), rows, _("No receipt yet.")
    )


def delivery_table(row: Pledge, url: str = "") -> Table:
    """List the deliveries of a pledge."""
    rows = [
        (
            cell(day(delivery.expected_on, "date"), reverse(url, args=[delivery.pk]) if url else ""),
            num(delivery.units),
            num(delivery.counted_units if delivery.counted_units is not None else "—"),
            num(format_money(delivery.value_fen) if delivery.valued_at else "—"),
            delivery.get_state_display(),
        )
        for delivery in row.deliveries.all()
    ]
    headers = (_("Expected on"), num(_("Units")), num(pgettext("gift", "Counted")), num(_("Value")), _("State"))
    return Table(_("Deliveries"), headers, rows, _("Nothing is announced."))


def agreement_links(row: Pledge) -> list[tuple[Any, str]]:
    """Lead to the agreement and its signed sides."""
    agreement = getattr(row, "agreement", None)
    if agreement is None:
        return []
    links = [(_("Donation agreement (PDF)"), reverse("sponsors:agreement", args=[agreement.pk]))]
    for which, label, item in (
        ("sponsor", _("Signed by the sponsor"), agreement.signed_by_sponsor_id),
        ("village", _("Signed by the village"), agreement.signed_by_village_id),
    ):
        if item:
            links.append((label, reverse("sponsors:signed", args=[agreement.pk, which])))
    return links


def agreement_acts(row: Pledge, user: Any, mine: str) -> list[Act]:
    """Offer to generate the agreement, then to put one's own signature to it."""
    agreement = getattr(row, "agreement", None)
    if agreement is None:
        if row.state not in ("approved", "part", "fulfilled"):
            return []
        return [
            Act(
                "agreement",
                _("Donation agreement"),
                _("Make the agreement"),
                lambda form: paper_services.make_agreement(pledge=row, actor=user),
                forms.PlainForm,
                _("The agreement is ready to print."),
            )
        ]
    if getattr(agreement, mine):
        return []
    return [
        Act(
            "sign",
            _("Signed agreement"),
            _("Upload"),
            lambda form: paper_services.sign_agreement(
                agreement=agreement,
                actor=user,
                file_name=form.cleaned_data["file"].name,
                data=form.cleaned_data["file"].read(2 * 1024 * 1024 + 1),
            ),
            forms.FileForm,
            _("Kept."),
            has_file=True,
        )
    ]
