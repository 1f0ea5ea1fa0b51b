"""What people type about money. Truth is the services' business."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from marketplace.funds.models import BankLine, Budget, Expense, Fund, Payee, Purpose
from marketplace.partner.models import Partner, StockRecord
from timebank.common.choices import OneOfManyField, SomeOfManyField
from timebank.common.fields import BoundedDateField, BoundedIntegerField, CleanCharField
from timebank.common.numbers import parse_money
from timebank.registry.fields import RegionField
from timebank.ui.forms import BaseForm


def _day(**attrs: str) -> forms.DateInput:
    return forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", **attrs})


class MoneyField(forms.CharField):
    """Yuan as people write them, kept as fen."""

    def __init__(self, *, least: int = 1, **kwargs: Any) -> None:
        self.least = least
        kwargs.setdefault("max_length", 20)
        kwargs.setdefault("widget", forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}))
        super().__init__(**kwargs)

    def clean(self, value: Any) -> Any:
        """Read fen, or refuse."""
        text = super().clean(value)
        if text in self.empty_values:
            return None
        try:
            fen = parse_money(text)
        except ValueError:
            fen = -1
        if fen < self.least:
            raise forms.ValidationError(_("Please enter an amount above zero, with at most two decimals."))
        return fen


class OnceForm(BaseForm):
    """A form that counts once, however often it is sent."""

    key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("initial", {})
        kwargs["initial"].setdefault("key", uuid.uuid4())
        super().__init__(*args, **kwargs)


def _records(fund: Fund) -> Any:
    near = StockRecord.objects.filter(partner__village__path__startswith=fund.region.path)
    return near.select_related("product", "partner").order_by("partner__name", "product__title")


class RecordChoice(OneOfManyField):
    """What one supplier offers, by the names of both or the barcode."""

    def __init__(self, **kwargs: Any) -> None:
        names = ("product__title", "product__title_en", "partner__name")
        super().__init__(None, numbers=("product__upc", "partner_sku"), names=names, **kwargs)

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.partner.display_name} · {obj.product.get_title()}"


class PartnerChoice(OneOfManyField):
    def label_from_instance(self, obj: Any) -> str:
        return str(obj.display_name)


class RegionChoice(RegionField):
    def label_from_instance(self, obj: Any) -> str:
        return "　" * max(obj.depth - 3, 0) + str(obj.name)


class FundForm(OnceForm):
    region = RegionChoice(label=_("Whose fund?"))
    name = CleanCharField(label=_("Name of the fund"), max_length=80, required=False)
    bank_account = forms.ModelChoiceField(
        label=_("Bank account"), queryset=None, required=False, empty_label=_("A new one, as below")
    )
    holder = CleanCharField(label=_("Account holder"), max_length=80, required=False)
    bank_name = CleanCharField(label=_("Bank"), max_length=80, required=False)
    number = CleanCharField(
        label=_("Account number"),
        max_length=40,
        required=False,
        help_text=_("Kept encrypted; shown by its last four digits."),
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "spellcheck": "false"}),
    )
    point_value = MoneyField(label=_("Value of a point"), help_text=_("What a point counts when cover is computed."))
    warn = BoundedIntegerField(label=_("Warn below this cover (%)"), min_value=1, max_value=1000, initial=100)
    floor = BoundedIntegerField(
        label=_("Floor (%)"),
        min_value=0,
        max_value=1000,
        initial=60,
        help_text=_("Below it nothing that costs money is redeemed; it is kept for people instead."),
    )

    def __init__(self, *args: Any, regions: Any, accounts: Any, **kwargs: Any) -> None:
        kwargs.setdefault("initial", {}).setdefault("point_value", "1.00")
        super().__init__(*args, **kwargs)
        self.fields["region"].queryset = regions
        self.fields["bank_account"].queryset = accounts

    def clean(self) -> dict[str, Any]:
        """A new account needs its holder and number; the floor lies below the warning."""
        data = super().clean() or {}
        if not data.get("bank_account"):
            for name in ("holder", "number"):
                if not data.get(name) and name not in self.errors:
                    self.add_error(name, _("Please fill this in for a new account, or choose one above."))
        if (data.get("floor") or 0) > (data.get("warn") or 1000):
            self.add_error("floor", _("The floor lies below the warning."))
        return data


class TermsForm(OnceForm):
    """The terms of a fund, from a day on."""

    amount = MoneyField(label=_("Value of a point"))
    warn = BoundedIntegerField(label=_("Warn below this cover (%)"), min_value=1, max_value=1000)
    floor = BoundedIntegerField(
        label=_("Floor (%)"),
        min_value=0,
        max_value=1000,
        help_text=_("Below it nothing that costs money is redeemed; it is kept for people instead."),
    )
    since = BoundedDateField(
        label=pgettext_lazy("day", "From"), least=timezone.localdate, help_text=_("Today or later.")
    )
    reason = CleanCharField(label=_("Reason"), max_length=200, help_text=_("For example: the meeting that decided it."))


class ProductChoice(OneOfManyField):
    def label_from_instance(self, obj: Any) -> str:
        return str(obj.get_title())


class BasicForm(BaseForm):
    product = ProductChoice(None, numbers=("upc",), names=("title", "title_en"), label=_("Reward"))
    reason = CleanCharField(label=_("Why is it a right?"), max_length=200)

    def __init__(self, *args: Any, products: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["product"].queryset = products


class EndBasicForm(BaseForm):
    """From which day on something is no right any more."""

    line = forms.ModelChoiceField(label=_("Reward"), queryset=None)
    since = BoundedDateField(
        label=pgettext_lazy("day", "From"), least=timezone.localdate, help_text=_("Today or later.")
    )
    reason = CleanCharField(label=_("Reason"), max_length=200, help_text=_("For example: the meeting that decided it."))

    def __init__(self, *args: Any, lines: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["line"]
        field.queryset = lines  # type: ignore[attr-defined]
        field.label_from_instance = lambda row: row.product.get_title()  # type: ignore[attr-defined]


class VoidForm(BaseForm):
    reason = CleanCharField(label=_("Reason"), max_length=200)


class PayeeForm(OnceForm):
    name = CleanCharField(label=pgettext_lazy("thing", "Name"), max_length=80)
    kind = forms.ChoiceField(label=_("Who is it?"), choices=Payee.Kind.choices, widget=forms.RadioSelect)
    id_number = CleanCharField(
        label=_("ID number of a person"),
        max_length=18,
        required=False,
        help_text=_("Kept encrypted; shown masked."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("initial", {}).setdefault("kind", Payee.Kind.ORGANISATION)
        super().__init__(*args, **kwargs)


class PurposeForm(OnceForm):
    name = CleanCharField(label=_("What is it for?"), max_length=120)
    donor = CleanCharField(label=_("Given by (as it may be shown)"), max_length=120, required=False)
    products = SomeOfManyField(
        None, numbers=("upc",), names=("title", "title_en"), label=_("Only for these rewards"), required=False
    )
    min_age = BoundedIntegerField(
        label=_("Only from this age"),
        required=False,
        min_value=1,
        max_value=120,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )
    closes_on = BoundedDateField(label=_("Last day"), required=False, widget=_day())
    pays_tickets = forms.BooleanField(label=_("It pays tickets (otherwise only a project's bills)"), required=False)

    def __init__(self, *args: Any, fund: Fund, **kwargs: Any) -> None:
        kwargs.setdefault("initial", {}).setdefault("pays_tickets", True)
        super().__init__(*args, **kwargs)
        from marketplace.catalogue.models import Product

        self.fields["products"].queryset = Product.objects.filter(
            stockrecords__partner__village__path__startswith=fund.region.path
        ).distinct()


class PurposeChangeForm(OnceForm):
    to = forms.ModelChoiceField(label=_("New purpose"), queryset=None, required=False, empty_label=_("Free money"))
    amount = MoneyField(label=_("Amount"))
    consent = CleanCharField(
        label=_("Consent of the donor"), max_length=200, help_text=_("Who agreed, when, and where the letter is kept.")
    )

    def __init__(self, *args: Any, purpose: Purpose, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = Purpose.objects.filter(fund=purpose.fund).exclude(pk=purpose.pk).exclude(state="closed")
        self.fields["to"].queryset = others


class PriceForm(OnceForm):
    record = RecordChoice(label=_("Reward"))
    amount = MoneyField(label=_("Agreed price for one"), least=0, help_text=_("0: the village bears it itself."))
    valid_from = BoundedDateField(label=_("From"), widget=_day())
    valid_until = BoundedDateField(label=_("Until"), required=False, widget=_day())
    note = CleanCharField(label=_("Note"), max_length=200, required=False)

    def __init__(self, *args: Any, fund: Fund, **kwargs: Any) -> None:
        kwargs.setdefault("initial", {}).setdefault("valid_from", timezone.localdate())
        super().__init__(*args, **kwargs)
        self.fields["record"].queryset = _records(fund)


class BudgetForm(OnceForm):
    quarter = forms.ChoiceField(label=_("Quarter"))
    kind = forms.ChoiceField(label=_("For what?"), choices=Budget.Kind.choices)
    amount = MoneyField(label=_("Planned"), least=0)
    note = CleanCharField(label=_("Note"), max_length=200, required=False)

    def __init__(self, *args: Any, quarters: list[dt.date], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["quarter"].choices = [
            (day.isoformat(), f"{day.year} · {(day.month - 1) // 3 + 1}") for day in quarters
        ]


class LineForm(OnceForm):
    kind = forms.ChoiceField(label=_("What is it?"), choices=BankLine.Kind.choices)
    amount = MoneyField(label=_("Amount"))
    booked_on = BoundedDateField(label=_("Day"), widget=_day())
    cash = forms.BooleanField(label=_("In cash, not at the bank"), required=False)
    partner = PartnerChoice(None, names=("name", "name_en", "village__name"), label=_("Supplier"), required=False)
    reference = CleanCharField(label=_("Bank's number"), max_length=60, required=False)
    note = CleanCharField(label=_("Note"), max_length=200, required=False)

    def __init__(self, *args: Any, fund: Fund, **kwargs: Any) -> None:
        kwargs.setdefault("initial", {}).setdefault("booked_on", timezone.localdate())
        super().__init__(*args, **kwargs)
        self.fields["partner"].queryset = Partner.objects.filter(village__path__startswith=fund.region.path)


class ExplainForm(OnceForm):
    line = forms.ModelChoiceField(label=_("Bank line"), queryset=None)
    ours = forms.ChoiceField(
        label=_("Whose is it?"),
        choices=(("fund", _("It belongs to this fund")), ("back", _("It goes back to the payer"))),
        widget=forms.RadioSelect,
    )
    purpose = forms.ModelChoiceField(label=_("Purpose"), queryset=None, required=False, empty_label=_("Free money"))
    amount = MoneyField(label=_("Amount"))
    note = CleanCharField(label=_("How do you know?"), max_length=200)

    def __init__(self, *args: Any, fund: Fund, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["line"].queryset = BankLine.objects.filter(fund=fund, kind="unknown", state="approved")
        self.fields["purpose"].queryset = fund.purposes.exclude(state="closed")


class ExpenseForm(OnceForm):
    kind = forms.ChoiceField(label=_("For what?"), choices=Expense.Kind.choices)
    purpose = forms.ModelChoiceField(label=_("Purpose"), queryset=None, required=False, empty_label=_("Free money"))
    payee = CleanCharField(label=_("Payee"), max_length=80)
    text = CleanCharField(label=_("What was bought or done?"), max_length=200)
    amount = MoneyField(label=_("Amount"))
    voucher_number = CleanCharField(label=_("Number of the invoice or receipt"), max_length=40)
    file = forms.FileField(label=_("Invoice or receipt (PDF or photograph)"), required=False)

    def __init__(self, *args: Any, fund: Fund, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["purpose"].queryset = fund.purposes.exclude(state="closed")


class AllocationForm(OnceForm):
    target = forms.ModelChoiceField(label=_("To the fund"), queryset=None)
    purpose = forms.ModelChoiceField(label=_("Purpose"), queryset=None, required=False, empty_label=_("Free money"))
    amount = MoneyField(label=_("Amount"))
    note = CleanCharField(label=_("Note"), max_length=200, required=False)

    def __init__(self, *args: Any, fund: Fund, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["target"].queryset = Fund.objects.filter(region__path__startswith=fund.region.path[:-4]).exclude(
            pk=fund.pk
        )
        self.fields["purpose"].queryset = fund.purposes.exclude(state="closed")


class AccountForm(OnceForm):
    holder = CleanCharField(label=_("Account holder"), max_length=80)
    bank_name = CleanCharField(label=_("Bank"), max_length=80)
    bank_code = CleanCharField(label=_("Bank code"), max_length=12, required=False)
    number = CleanCharField(
        label=_("Account number"),
        max_length=40,
        help_text=_("Kept encrypted. A second person confirms it; it can be used after three working days."),
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "spellcheck": "false"}),
    )


class ObjectionForm(BaseForm):
    text = CleanCharField(label=_("What is wrong?"), max_length=300, widget=forms.Textarea(attrs={"rows": 3}))


class AnswerForm(BaseForm):
    answer = CleanCharField(label=_("Answer"), max_length=300, widget=forms.Textarea(attrs={"rows": 2}))
    pay = forms.ChoiceField(
        label=_("What happens to the line?"),
        choices=(("yes", _("It is paid")), ("no", _("It is taken back"))),
        widget=forms.RadioSelect,
    )


class PrepareForm(BaseForm):
    invoice_number = CleanCharField(label=_("Invoice number"), max_length=40, required=False)
    file = forms.FileField(label=_("Invoice or receipt (PDF or photograph)"), required=False)
    no_invoice_reason = CleanCharField(
        label=_("If there is none: why"),
        max_length=200,
        required=False,
        help_text=_("A person gives a receipt, or an invoice made out by the tax office."),
    )


class PeriodForm(BaseForm):
    month = forms.ChoiceField(label=_("Period"))

    def __init__(self, *args: Any, choices: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["month"].choices = choices


class GiftForm(OnceForm):
    record = RecordChoice(label=_("Service"))
    units = BoundedIntegerField(label=_("How many"), min_value=1, max_value=100000)
    donor = CleanCharField(label=_("Given by (as it may be shown)"), max_length=120)
    valid_until = BoundedDateField(label=_("Until"), required=False, widget=_day())

    def __init__(self, *args: Any, fund: Fund, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["record"].queryset = _records(fund).filter(num_in_stock__isnull=True)


class BatchChoice(forms.ModelChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.stockrecord.product.get_title()} × {obj.units} · {obj.donor}"


class ValueForm(BaseForm):
    batch = BatchChoice(label=_("Goods"), queryset=None)
    amount = MoneyField(label=_("Value of all of them"))
    reason = CleanCharField(
        label=pgettext_lazy("gift", "Evidence"),
        max_length=200,
        help_text=_("The invoice, or two quotes; without either they count nothing."),
    )

    def __init__(self, *args: Any, batches: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["batch"].queryset = batches
