"""Paying suppliers: whom, on which statement, by which file of the bank."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from marketplace.funds.models.base import Prepared, above_zero, decided, known_state, person_field, two_persons


class Payee(models.Model):
    """Who is paid: a supplier, or whoever a project's expense is owed to. A barber has no credit code."""

    class Kind(models.TextChoices):
        ORGANISATION = "organisation", _("Organisation")
        PERSON = "person", _("Person")

    region = models.ForeignKey("registry.Region", models.PROTECT, related_name="+", verbose_name=_("region"))
    partner = models.OneToOneField(
        "partner.Partner", models.PROTECT, null=True, blank=True, related_name="payee", verbose_name=_("supplier")
    )
    organisation = models.ForeignKey(
        "registry.Organisation", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("organisation")
    )
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices, default=Kind.ORGANISATION)
    name = models.CharField(_("name"), max_length=80)
    id_number_encrypted = models.TextField(_("ID number (encrypted)"), blank=True, editable=False)
    id_number_masked = models.CharField(_("ID number"), max_length=20, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)

    class Meta:
        verbose_name = _("payee")
        verbose_name_plural = _("payees")
        constraints = [known_state("payee", "organisation person", "kind")]

    def __str__(self) -> str:
        return self.name


class PayeeAccount(models.Model):
    """A bank account of a payee. A new one is confirmed by a second person and usable after three working days."""

    payee = models.ForeignKey(Payee, models.PROTECT, related_name="accounts", verbose_name=_("payee"))
    key = models.UUIDField(_("key"), unique=True, editable=False)
    holder = models.CharField(_("account holder"), max_length=80)
    bank_name = models.CharField(_("bank"), max_length=80)
    bank_code = models.CharField(_("bank code"), max_length=12, blank=True)
    number_encrypted = models.TextField(_("account number (encrypted)"), editable=False)
    number_last4 = models.CharField(_("last digits"), max_length=4)
    entered_by = person_field(_("entered by"))
    entered_at = models.DateTimeField(_("entered at"), default=timezone.now)
    usable_from = models.DateField(_("usable from"))
    confirmed_by = person_field(_("confirmed by"), required=False)
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True, blank=True)
    ended_at = models.DateTimeField(_("replaced at"), null=True, blank=True)

    class Meta:
        verbose_name = _("account of a payee")
        verbose_name_plural = _("accounts of payees")
        ordering = ["-entered_at", "-pk"]
        constraints = [
            two_persons("payeeaccount", "entered_by", "confirmed_by"),
            models.UniqueConstraint(
                fields=["payee"],
                condition=Q(confirmed_by__isnull=False, ended_at__isnull=True),
                name="funds_payee_one_account",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.holder} …{self.number_last4}"


class Statement(models.Model):
    """What a supplier is owed for a period: handed-over tickets at agreed prices, goods bought, minus returns."""

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        ISSUED = "issued", _("With the supplier")
        APPROVED = "approved", _("Approved")
        PAID = "paid", _("Paid")
        VOID = "void", _("Void")

    partner = models.ForeignKey(
        "partner.Partner", models.PROTECT, related_name="statements", verbose_name=_("supplier")
    )
    first_day = models.DateField(_("from"))
    last_day = models.DateField(_("until"))
    number = models.PositiveSmallIntegerField(_("number"), default=1)  # of this supplier and period
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.DRAFT)
    fen = models.BigIntegerField(_("amount"), default=0)
    issued_by = person_field(_("issued by"), required=False)  # nobody: the nightly job
    issued_at = models.DateTimeField(_("issued at"), null=True, blank=True)
    objections_until = models.DateField(_("objections until"), null=True, blank=True)
    accepted_by = person_field(_("accepted by"), required=False)
    accepted_at = models.DateTimeField(_("accepted at"), null=True, blank=True)
    invoice_number = models.CharField(_("invoice number"), max_length=40, blank=True)
    invoice_file = models.ForeignKey("funds.Attachment", models.PROTECT, null=True, blank=True, related_name="+")
    no_invoice_reason = models.CharField(_("why without invoice"), max_length=200, blank=True)
    prepared_by = person_field(_("prepared by"), required=False)
    approved_by = person_field(_("approved by"), required=False)
    approved_at = models.DateTimeField(_("approved at"), null=True, blank=True)
    paid_at = models.DateTimeField(_("paid at"), null=True, blank=True)
    void_reason = models.CharField(_("why void"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)

    class Meta:
        verbose_name = _("statement of a supplier")
        verbose_name_plural = _("statements of suppliers")
        ordering = ["-last_day", "partner", "-number"]
        indexes = [models.Index(fields=["state", "last_day"], name="funds_statement_state")]
        constraints = [
            known_state("statement", "draft issued approved paid void"),
            two_persons("statement"),
            two_persons("statement_issuer", "issued_by", "approved_by"),
            models.UniqueConstraint(fields=["partner", "first_day", "last_day", "number"], name="funds_statement_once"),
            models.UniqueConstraint(
                fields=["partner", "first_day", "last_day"],
                condition=Q(state__in=["draft", "issued"]),
                name="funds_statement_one_open",
            ),
            models.CheckConstraint(condition=Q(last_day__gte=F("first_day")), name="funds_statement_days"),
            models.CheckConstraint(
                condition=Q(state__in=["draft", "issued", "void"], approved_by__isnull=True)
                | Q(state__in=["approved", "paid"], approved_by__isnull=False, approved_at__isnull=False),
                name="funds_statement_approved_by",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.partner_id} {self.first_day}–{self.last_day}"

    @property
    def tone(self) -> str:
        """Name the tone in which pages show the state."""
        return {"paid": "good", "approved": "good", "void": "quiet", "issued": "warn"}.get(self.state, "wheat")


class Objection(models.Model):
    """A supplier's (or the fund keeper's) word against a line of a statement; the line waits until it is answered."""

    statement = models.ForeignKey(Statement, models.PROTECT, related_name="objections")
    draw = models.ForeignKey("funds.DrawDown", models.PROTECT, null=True, related_name="objections")
    text = models.CharField(_("objection"), max_length=300)
    raised_by = person_field(_("raised by"))
    raised_at = models.DateTimeField(_("raised at"), default=timezone.now)
    answer = models.CharField(_("answer"), max_length=300, blank=True)
    answered_by = person_field(_("answered by"), required=False)
    answered_at = models.DateTimeField(_("answered at"), null=True, blank=True)

    class Meta:
        verbose_name = _("objection to a statement")
        verbose_name_plural = _("objections to statements")
        constraints = [
            two_persons("objection", "raised_by", "answered_by"),
            models.UniqueConstraint(
                fields=["draw"], condition=Q(answered_at__isnull=True, draw__isnull=False), name="funds_objection_once"
            ),
        ]

    def __str__(self) -> str:
        return self.text


class BankFormat(models.Model):
    """How a bank wants its file: columns in order, each a header and the field that fills it."""

    name = models.CharField(_("name"), max_length=60, unique=True)
    columns = models.JSONField(_("columns"))  # [["收款账号", "number"], …]
    encoding = models.CharField(_("encoding"), max_length=12, default="utf-8-sig")
    delimiter = models.CharField(_("separator"), max_length=1, default=",")

    class Meta:
        verbose_name = _("bank format")
        verbose_name_plural = _("bank formats")

    def __str__(self) -> str:
        return self.name


class BankFile(models.Model):
    """A file for the bank, written once: each payout stands in one."""

    bank_account = models.ForeignKey("funds.BankAccount", models.PROTECT, related_name="files")
    format = models.ForeignKey(BankFormat, models.PROTECT, related_name="+")
    key = models.UUIDField(_("key"), unique=True, editable=False)
    fen = models.BigIntegerField(_("amount"))
    count = models.PositiveIntegerField(_("payments"))
    sha256 = models.CharField(max_length=64)
    written_by = person_field(_("written by"))
    written_at = models.DateTimeField(_("written at"), default=timezone.now)

    class Meta:
        verbose_name = _("bank file")
        verbose_name_plural = _("bank files")
        ordering = ["-written_at", "-pk"]
        constraints = [above_zero("bankfile")]

    def __str__(self) -> str:
        return f"{self.pk} {self.fen}"


class Payout(models.Model):
    """Money to be sent to a payee out of one bank account: for a statement or an expense; one of each lives."""

    class State(models.TextChoices):
        PREPARED = "prepared", _("Waiting for approval")
        APPROVED = "approved", _("Approved")
        SENT = "sent", _("In a bank file")
        PAID = "paid", _("Paid")
        FAILED = "failed", _("Failed")
        RETURNED = "returned", _("Sent back by the bank")

    statement = models.ForeignKey(Statement, models.PROTECT, null=True, blank=True, related_name="payouts")
    expense = models.ForeignKey("funds.Expense", models.PROTECT, null=True, blank=True, related_name="payouts")
    bank_account = models.ForeignKey("funds.BankAccount", models.PROTECT, related_name="payouts")
    payee_account = models.ForeignKey(PayeeAccount, models.PROTECT, related_name="payouts")
    fen = models.BigIntegerField(_("amount"))
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.PREPARED)
    bank_file = models.ForeignKey(BankFile, models.PROTECT, null=True, blank=True, related_name="payouts")
    prepared_by = person_field(_("prepared by"))
    prepared_at = models.DateTimeField(_("prepared at"), default=timezone.now)
    approved_by = person_field(_("approved by"), required=False)
    approved_at = models.DateTimeField(_("approved at"), null=True, blank=True)
    confirmed_by = person_field(_("payment confirmed by"), required=False)
    confirmed_at = models.DateTimeField(_("payment confirmed at"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    transfer_id = models.BigIntegerField(null=True, unique=True, editable=False)

    class Meta:
        verbose_name = _("payout")
        verbose_name_plural = _("payouts")
        ordering = ["-prepared_at", "-pk"]
        constraints = [
            known_state("payout", "prepared approved sent paid failed returned"),
            above_zero("payout"),
            two_persons("payout"),
            models.CheckConstraint(
                condition=Q(statement__isnull=True) ^ Q(expense__isnull=True), name="funds_payout_for_one_thing"
            ),
            models.UniqueConstraint(
                fields=["statement", "bank_account"],
                condition=~Q(state__in=["failed", "returned"]) & Q(statement__isnull=False),
                name="funds_payout_one_per_statement",
            ),
            models.UniqueConstraint(
                fields=["expense"],
                condition=~Q(state__in=["failed", "returned"]) & Q(expense__isnull=False),
                name="funds_payout_one_per_expense",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["prepared", "failed"]) | Q(approved_by__isnull=False),
                name="funds_payout_approved",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["sent", "paid", "returned"]) | Q(bank_file__isnull=False),
                name="funds_payout_in_a_file",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["paid", "returned"]) | Q(transfer_id__isnull=False), name="funds_payout_posted"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.fen}"

    @property
    def tone(self) -> str:
        """Name the tone in which pages show the state."""
        return {"paid": "good", "failed": "bad", "returned": "bad", "prepared": "warn"}.get(self.state, "wheat")


class PayoutShare(models.Model):
    """Out of which fund a payout comes (several funds may keep their money in one account)."""

    payout = models.ForeignKey(Payout, models.CASCADE, related_name="shares")
    fund = models.ForeignKey("funds.Fund", models.PROTECT, related_name="+")
    fen = models.BigIntegerField(_("amount"))

    class Meta:
        verbose_name = _("share of a payout")
        verbose_name_plural = _("shares of a payout")
        constraints = [
            above_zero("payoutshare"),
            models.UniqueConstraint(fields=["payout", "fund"], name="funds_payout_share_once"),
        ]

    def __str__(self) -> str:
        return f"{self.payout_id} {self.fund_id} {self.fen}"


class Expense(Prepared):
    """What a fund owes a payee without any ticket: a claimed project's bill, a commendation, a repair."""

    class Kind(models.TextChoices):
        PROJECT = "project", _("Project")
        COMMENDATION = "commendation", _("Commendation")
        OTHER = "other", _("Other")

    fund = models.ForeignKey("funds.Fund", models.PROTECT, related_name="expenses", verbose_name=_("fund"))
    purpose = models.ForeignKey(
        "funds.Purpose", models.PROTECT, null=True, blank=True, related_name="expenses", verbose_name=_("purpose")
    )
    payee = models.ForeignKey(Payee, models.PROTECT, related_name="expenses", verbose_name=_("payee"))
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices, default=Kind.PROJECT)
    fen = models.BigIntegerField(_("amount"))
    text = models.CharField(_("for what"), max_length=200)
    voucher_number = models.CharField(_("invoice or receipt number"), max_length=40)
    voucher = models.ForeignKey("funds.Attachment", models.PROTECT, null=True, blank=True, related_name="+")
    transfer_id = models.BigIntegerField(null=True, unique=True, editable=False)
    paid_at = models.DateTimeField(_("paid at"), null=True, blank=True)

    class Meta:
        verbose_name = _("expense")
        verbose_name_plural = _("expenses")
        ordering = ["-prepared_at", "-pk"]
        constraints = [
            *decided("expense"),
            known_state("expense", "project commendation other", "kind"),
            above_zero("expense"),
            models.CheckConstraint(
                condition=~Q(state="approved") | Q(transfer_id__isnull=False), name="funds_expense_posted"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.fund_id} {self.fen} {self.text}"


class BankLine(Prepared):
    """A line of a bank account (or of the cash box) that is no gift: two persons say what it is."""

    class Kind(models.TextChoices):
        OPENING = "opening", _("Opening balance")
        COLLECTIVE = "collective", _("Collective income")
        GRANT = "grant", _("Grant from above")
        INTEREST = "interest", _("Interest")
        FEE = "fee", _("Bank fee")
        REPAID = "repaid", _("Paid back by a supplier")
        UNKNOWN = "unknown", _("Not known yet")
        BANKED = "banked", _("Cash brought to the bank")

    fund = models.ForeignKey(
        "funds.Fund", models.PROTECT, null=True, blank=True, related_name="bank_lines", verbose_name=_("fund")
    )
    bank_account = models.ForeignKey(
        "funds.BankAccount", models.PROTECT, null=True, blank=True, related_name="lines", verbose_name=_("account")
    )  # nothing: the cash box of the fund
    partner = models.ForeignKey(
        "partner.Partner", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("supplier")
    )
    purpose = models.ForeignKey(
        "funds.Purpose", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("purpose")
    )
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices)
    fen = models.BigIntegerField(_("amount"))
    booked_on = models.DateField(_("day"))
    reference = models.CharField(_("bank's number"), max_length=60, blank=True)
    note = models.CharField(_("note"), max_length=200, blank=True)
    transfer_id = models.BigIntegerField(null=True, unique=True, editable=False)

    class Meta:
        verbose_name = _("bank line")
        verbose_name_plural = _("bank lines")
        ordering = ["-booked_on", "-pk"]
        constraints = [
            *decided("bankline"),
            known_state("bankline", "opening collective grant interest fee repaid unknown banked", "kind"),
            above_zero("bankline"),
            models.UniqueConstraint(
                fields=["bank_account", "reference"],
                condition=~Q(reference="") & ~Q(state="declined"),
                name="funds_bankline_reference_once",
            ),
            models.CheckConstraint(
                condition=Q(kind="unknown", bank_account__isnull=False) | (~Q(kind="unknown") & Q(fund__isnull=False)),
                name="funds_bankline_whose",
            ),
            models.CheckConstraint(
                condition=~Q(state="approved") | Q(transfer_id__isnull=False), name="funds_bankline_posted"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.fen}"


class SuspenseMove(Prepared):
    """What became of money that was not known when it came: the fund that it belongs to, or back to the payer."""

    line = models.ForeignKey(BankLine, models.PROTECT, related_name="moves")
    fund = models.ForeignKey("funds.Fund", models.PROTECT, null=True, blank=True, related_name="+")  # nothing: back
    purpose = models.ForeignKey("funds.Purpose", models.PROTECT, null=True, blank=True, related_name="+")
    fen = models.BigIntegerField(_("amount"))
    note = models.CharField(_("note"), max_length=200)
    transfer_id = models.BigIntegerField(null=True, unique=True, editable=False)

    class Meta:
        verbose_name = _("explained money")
        verbose_name_plural = _("explained money")
        constraints = [*decided("suspensemove"), above_zero("suspensemove")]

    def __str__(self) -> str:
        return f"{self.line_id} {self.fen}"


class QueuedRedemption(models.Model):
    """What somebody wanted while the fund was below its floor: kept with its price until cover is back, 14 days."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting for cover")
        READY = "ready", _("Can be redeemed now")
        REDEEMED = "redeemed", _("Redeemed")
        LAPSED = "lapsed", _("Lapsed")
        WITHDRAWN = "withdrawn", pgettext_lazy("gift", "Withdrawn")

    key = models.UUIDField(_("key"), unique=True)
    resident = models.ForeignKey("registry.Resident", models.PROTECT, related_name="queued_redemptions")
    fund = models.ForeignKey("funds.Fund", models.PROTECT, related_name="queue")
    lines = models.JSONField(_("lines"))  # [[stock record, quantity, unit points], …]
    points = models.BigIntegerField(_("points"))
    cash_fen = models.BigIntegerField(default=0)
    actor = person_field(_("kept by"))
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.WAITING)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    expires_on = models.DateField(_("kept until"))
    ready_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("kept redemption")
        verbose_name_plural = _("kept redemptions")
        ordering = ["created_at", "pk"]
        indexes = [models.Index(fields=["fund", "state", "created_at"], name="funds_queue_fifo")]
        constraints = [known_state("queue", "waiting ready redeemed lapsed withdrawn")]

    def __str__(self) -> str:
        return f"{self.resident_id} {self.points}"
