"""Forms of the fund keeper. Services own the truth; forms only read what was typed."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from marketplace.funds.models import Fund, Purpose
from marketplace.payments.models import BankEntry, Payment
from timebank.common.choices import OneOfManyField
from timebank.common.fields import BoundedDateField, CleanCharField
from timebank.common.numbers import parse_money
from timebank.ui.forms import BaseForm

MOST_FEN = 10**13


def read_amount(text: str) -> int:
    """Read a sum of money as fen; ``ValidationError`` names what is wrong."""
    try:
        fen = parse_money(text)
    except ValueError:
        raise forms.ValidationError(_("Write the sum as 1234.56.")) from None
    if not 0 < fen <= MOST_FEN:
        raise forms.ValidationError(_("The sum must be above zero and not larger than a bank would carry."))
    return fen


class RefundForm(BaseForm):
    """Prepare a refund; another person approves it."""

    amount = CleanCharField(label=_("How much goes back"), max_length=20)
    reason = CleanCharField(label=_("Reason"), max_length=200)
    key = forms.UUIDField(widget=forms.HiddenInput)

    def clean_amount(self) -> int:
        return read_amount(self.cleaned_data["amount"])


class ReceiptForm(BaseForm):
    """Say that an announced transfer has arrived."""

    received_on = BoundedDateField(
        label=_("Received on"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    )
    document = CleanCharField(label=_("Number of the bank slip or receipt"), max_length=60, required=False)


class FundChoice(OneOfManyField):
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.region} · {obj}"


class PurposeChoice(OneOfManyField):
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.fund.region} · {obj}"


class PlaceForm(BaseForm):
    """Say which fund and purpose money belongs to."""

    fund = FundChoice(None, names=("name", "region__name"), label=_("Fund"))
    purpose = PurposeChoice(
        None, names=("name", "fund__region__name"), label=_("Purpose"), required=False, empty_label=_("Free money")
    )

    def __init__(self, *args: Any, funds: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["fund"].queryset = funds  # type: ignore[attr-defined]
        purposes = Purpose.objects.filter(fund__in=funds).exclude(state=Purpose.State.CLOSED)
        self.fields["purpose"].queryset = purposes.select_related("fund__region")  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Refuse another fund's purpose."""
        data = super().clean() or {}
        if data.get("purpose") and data.get("fund") and data["purpose"].fund_id != data["fund"].pk:
            self.add_error("purpose", _("This purpose belongs to another fund."))
        return data


class UnannouncedForm(PlaceForm):
    """Write down money that nobody announced."""

    provider = forms.ChoiceField(
        label=_("How did it come?"),
        choices=[(kind.value, kind.label) for kind in (Payment.Provider.BANK, Payment.Provider.CASH)],
    )
    amount = CleanCharField(
        label=_("Amount"), max_length=20, widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
    )
    payer = CleanCharField(label=_("Payer"), max_length=120)
    title = CleanCharField(label=_("What is it for?"), max_length=120, required=False)
    received_on = BoundedDateField(
        label=_("Received on"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    )
    document = CleanCharField(label=_("Number of the bank slip or receipt"), max_length=60)
    key = forms.UUIDField(widget=forms.HiddenInput)

    field_order = ("provider", "amount", "payer", "received_on", "document", "fund", "purpose", "title", "key")

    def __init__(self, *args: Any, **kwargs: Any):
        kwargs.setdefault("initial", {"key": uuid.uuid4(), "received_on": timezone.localdate()})
        super().__init__(*args, **kwargs)

    def clean_amount(self) -> int:
        return read_amount(self.cleaned_data["amount"])


class BankFileForm(BaseForm):
    """Take in a bank's file."""

    bank_account = forms.ModelChoiceField(label=_("Bank account"), queryset=None)
    template = forms.ModelChoiceField(label=_("Bank"), queryset=None)
    file = forms.FileField(label=_("File of the bank (CSV)"), max_length=120)

    def __init__(self, *args: Any, accounts: Any, templates: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["bank_account"].queryset = accounts  # type: ignore[attr-defined]
        self.fields["template"].queryset = templates  # type: ignore[attr-defined]


class LineForm(BaseForm):
    """Say what a line of the bank is; another person confirms."""

    kind = forms.ChoiceField(label=_("What it is"), choices=BankEntry.Kind.choices)
    fund = OneOfManyField(Fund.objects.none(), names=("name", "region__name"), label=_("Fund"), required=False)
    payment = OneOfManyField(
        Payment.objects.none(),
        numbers=("reference",),
        names=("payer", "title"),
        label=_("Payment"),
        required=False,
    )
    text = CleanCharField(label=_("Note"), max_length=200, required=False)

    def __init__(self, *args: Any, funds: Any, payments: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["fund"].queryset = funds  # type: ignore[attr-defined]
        self.fields["payment"].queryset = payments  # type: ignore[attr-defined]
        self.fields["payment"].label_from_instance = lambda payment: (  # type: ignore[attr-defined]
            f"{payment.number} {payment.reference} {payment.payer or payment.title}"
        )
