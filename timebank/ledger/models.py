"""Tables of the ledger. Nobody outside this app writes them; what is posted is never changed (see ``guards``)."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from timebank.ledger.units import GUARDED_SHIFT, UNIT_SHIFT


def _in_unit(field: str) -> Q:
    return Q(unit=F(field).bitrightshift(UNIT_SHIFT))


class Account(models.Model):
    """An account: a wallet keeps a running balance in its row; a system account, which all post to, keeps none."""

    class Status(models.TextChoices):
        OPEN = "open"
        CLOSED = "closed"

    id = models.BigIntegerField(primary_key=True)
    key = models.CharField(max_length=120)
    unit = models.SmallIntegerField()
    guarded = models.BooleanField()
    owner = models.CharField(max_length=120, blank=True, default="")
    floor = models.BigIntegerField(null=True)
    expires_to = models.CharField(max_length=120, blank=True, default="")
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.OPEN)
    balance = models.BigIntegerField(default=0)
    version = models.BigIntegerField(default=0)
    debt = models.BigIntegerField(default=0)
    opened_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key"], name="ledger_account_key"),
            models.CheckConstraint(condition=_in_unit("id"), name="ledger_account_unit"),
            models.CheckConstraint(
                condition=Q(guarded=False) | Q(balance__gte=F("floor")), name="ledger_account_floor"
            ),
            models.CheckConstraint(
                condition=Q(guarded=True, floor__isnull=False) | Q(guarded=False, balance=0, version=0, debt=0),
                name="ledger_account_kind",
            ),
            models.CheckConstraint(condition=Q(debt__gte=0), name="ledger_account_debt"),
        ]

    def __str__(self) -> str:
        return self.key


class Transfer(models.Model):
    """One event of the journal; its postings say what moved. ``uuid`` is derived from ``key``.

    ``request_hash`` fingerprints what was asked for, ``content_hash`` what was written: this head and all its postings.
    """

    id = models.BigAutoField(primary_key=True)
    uuid = models.UUIDField()
    key = models.CharField(max_length=200)
    request_hash = models.BinaryField(max_length=32)
    content_hash = models.BinaryField(max_length=32)
    unit = models.SmallIntegerField()
    kind = models.CharField(max_length=32)
    posted_at = models.DateTimeField()
    effective_on = models.DateField()
    reason = models.CharField(max_length=64, blank=True, default="")
    memo = models.CharField(max_length=500, blank=True, default="")
    actor = models.CharField(max_length=120, blank=True, default="")
    on_behalf_of = models.CharField(max_length=120, blank=True, default="")
    source = models.CharField(max_length=120, blank=True, default="")
    rule = models.CharField(max_length=120, blank=True, default="")
    reverses = models.ForeignKey(
        "self", models.PROTECT, null=True, related_name="reversed_by", db_index=False, db_constraint=False
    )
    refund_of = models.ForeignKey(
        "self", models.PROTECT, null=True, related_name="refunds", db_index=False, db_constraint=False
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["uuid"], name="ledger_transfer_uuid"),
            models.UniqueConstraint(
                fields=["reverses"], condition=Q(reverses__isnull=False), name="ledger_transfer_reversed_once"
            ),
        ]
        indexes = [
            models.Index(fields=["refund_of"], condition=Q(refund_of__isnull=False), name="ledger_transfer_refund_of"),
            models.Index(fields=["source", "id"], condition=~Q(source=""), name="ledger_transfer_source"),
            models.Index(fields=["effective_on", "id"], name="ledger_transfer_day"),  # a month's page, in its order
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.kind} {self.key}"


class Posting(models.Model):
    """One row = both sides, so it cannot be unbalanced. Partitioned by range of ``id`` on PostgreSQL.

    ``*_version`` and ``*_balance`` count a wallet's postings without a gap and give its balance after each; they are
    NULL on the side of a system account. ``*_expires_on`` and ``*_restriction`` name the lot touched. ``leg`` -1 marks
    what the ledger added itself: lending to, or repaying by, a wallet in debt. ``origin`` is the posting that this one
    gives back.
    """

    id = models.BigAutoField(primary_key=True)
    transfer = models.ForeignKey(Transfer, models.PROTECT, related_name="postings", db_constraint=False)
    leg = models.SmallIntegerField()
    unit = models.SmallIntegerField()
    debit_id = models.BigIntegerField()
    credit_id = models.BigIntegerField()
    amount = models.BigIntegerField()
    debit_version = models.BigIntegerField(null=True)
    debit_balance = models.BigIntegerField(null=True)
    credit_version = models.BigIntegerField(null=True)
    credit_balance = models.BigIntegerField(null=True)
    debit_expires_on = models.DateField(null=True)
    credit_expires_on = models.DateField(null=True)
    debit_restriction = models.CharField(max_length=40, null=True)
    credit_restriction = models.CharField(max_length=40, null=True)
    origin_id = models.BigIntegerField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="ledger_posting_amount"),
            models.CheckConstraint(condition=~Q(debit_id=F("credit_id")), name="ledger_posting_two_sides"),
            models.CheckConstraint(
                condition=_in_unit("debit_id") & _in_unit("credit_id"), name="ledger_posting_one_unit"
            ),
            *(
                models.CheckConstraint(
                    # bit 47 of the account id says whether this side keeps a running balance
                    condition=Q(
                        **{
                            f"{side}_version__isnull": False,
                            f"{side}_balance__isnull": False,
                            f"{side}_expires_on__isnull": False,
                            f"{side}_restriction__isnull": False,
                            f"{side}_id__gte": F("unit") * (1 << UNIT_SHIFT) + (1 << GUARDED_SHIFT),
                        }
                    )
                    | Q(
                        **{
                            f"{side}_version__isnull": True,
                            f"{side}_balance__isnull": True,
                            f"{side}_expires_on__isnull": True,
                            f"{side}_restriction__isnull": True,
                            f"{side}_id__lt": F("unit") * (1 << UNIT_SHIFT) + (1 << GUARDED_SHIFT),
                        }
                    ),
                    name=f"ledger_posting_{side}_kept",
                )
                for side in ("debit", "credit")
            ),
        ]
        indexes = [
            models.Index(fields=["debit_id", "id"], name="ledger_posting_debit"),
            models.Index(fields=["credit_id", "id"], name="ledger_posting_credit"),
        ]

    def __str__(self) -> str:
        return f"{self.id}: {self.debit_id} → {self.credit_id} {self.amount}"


class Lot(models.Model):
    """Points of one wallet that expire together under one restriction. A projection: rebuildable from the postings."""

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey(Account, models.PROTECT, related_name="lots", db_index=False)
    expires_on = models.DateField()
    restriction = models.CharField(max_length=40, blank=True, default="")
    remaining = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "expires_on", "restriction"], name="ledger_lot_bucket"),
            models.CheckConstraint(condition=Q(remaining__gte=0), name="ledger_lot_remaining"),
        ]
        indexes = [models.Index(fields=["expires_on"], name="ledger_lot_expires")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.expires_on} {self.restriction} {self.remaining}"


class Hold(models.Model):
    """A reservation: ``transfer`` moved the points to the account of holds until they are captured or given back."""

    id = models.BigAutoField(primary_key=True)
    transfer = models.OneToOneField(Transfer, models.PROTECT, related_name="hold", db_constraint=False)
    wallet = models.ForeignKey(Account, models.PROTECT, related_name="holds")
    amount = models.BigIntegerField()
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(amount__gt=0), name="ledger_hold_amount")]
        indexes = [models.Index(fields=["expires_at"], name="ledger_hold_expires")]

    def __str__(self) -> str:
        return f"{self.id}: {self.amount}"


class HoldResolution(models.Model):
    """The one answer to a hold: the primary key makes it one. ``amount`` repeats the hold's (a trigger compares)."""

    class Outcome(models.TextChoices):
        CAPTURED = "captured"
        RELEASED = "released"
        LAPSED = "lapsed"

    hold = models.OneToOneField(Hold, models.PROTECT, primary_key=True, related_name="resolution")
    transfer = models.OneToOneField(Transfer, models.PROTECT, related_name="hold_resolution", db_constraint=False)
    outcome = models.CharField(max_length=8, choices=Outcome.choices)
    amount = models.BigIntegerField()
    captured = models.BigIntegerField()
    resolved_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(captured__gte=0) & Q(captured__lte=F("amount")), name="ledger_hold_captured_within"
            ),
            models.CheckConstraint(
                condition=Q(outcome="captured", captured__gt=0) | Q(outcome__in=["released", "lapsed"], captured=0),
                name="ledger_hold_outcome",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.hold_id} {self.outcome} {self.captured}/{self.amount}"


class RefundTotal(models.Model):
    """How much of a transfer has been given back, and how much can be at most. Only ever grows."""

    transfer = models.OneToOneField(
        Transfer, models.PROTECT, primary_key=True, related_name="refund_total", db_constraint=False
    )
    refunded = models.BigIntegerField(default=0)
    cap = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(refunded__gte=0) & Q(refunded__lte=F("cap")), name="ledger_refund_within_cap"
            )
        ]

    def __str__(self) -> str:
        return f"{self.transfer_id}: {self.refunded}/{self.cap}"


class Unsealed(models.Model):
    """Queue of the sealer, filled by the posting transaction itself: a late commit cannot be skipped."""

    transfer = models.OneToOneField(
        Transfer, models.PROTECT, primary_key=True, related_name="unsealed", db_constraint=False
    )

    def __str__(self) -> str:
        return str(self.transfer_id)


class Seal(models.Model):
    """A sealed block of transfers: Merkle root, totals, and the hash of the seal before it."""

    number = models.BigIntegerField(primary_key=True)
    previous_hash = models.CharField(max_length=64)
    root = models.CharField(max_length=64)
    count = models.IntegerField()
    first_transfer_id = models.BigIntegerField()
    last_transfer_id = models.BigIntegerField()
    totals = models.CharField(max_length=200)
    checkpoints_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)
    signature = models.CharField(max_length=200, blank=True, default="")
    sealed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["previous_hash"], name="ledger_seal_chain"),
            models.UniqueConstraint(fields=["hash"], name="ledger_seal_hash"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.hash[:16]}"


class SealMember(models.Model):
    """Which seal holds a transfer, and where: position counts from 0 in order of transfer id."""

    transfer = models.OneToOneField(
        Transfer, models.PROTECT, primary_key=True, related_name="seal_member", db_constraint=False
    )
    seal = models.ForeignKey(Seal, models.PROTECT, related_name="members", db_index=False, db_constraint=False)
    position = models.IntegerField()
    leaf = models.BinaryField(max_length=32)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["seal", "position"], name="ledger_seal_member_position")]

    def __str__(self) -> str:
        return f"{self.seal_id}/{self.position}"


class Checkpoint(models.Model):
    """Totals of a system account up to and including a seal; its balance = latest checkpoint + what is not sealed."""

    id = models.BigAutoField(primary_key=True)
    account_id = models.BigIntegerField()
    seal = models.ForeignKey(Seal, models.PROTECT, related_name="checkpoints", db_index=False, db_constraint=False)
    debit_total = models.BigIntegerField()
    credit_total = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account_id", "seal"], name="ledger_checkpoint_account_seal")]
        indexes = [models.Index(fields=["seal"], name="ledger_checkpoint_seal")]

    def __str__(self) -> str:
        return f"{self.account_id}@{self.seal_id}"


class Anchor(models.Model):
    """A witness outside the database that a seal existed: notice board, mail, printed digest."""

    id = models.BigAutoField(primary_key=True)
    seal = models.ForeignKey(Seal, models.PROTECT, related_name="anchors")
    digest = models.CharField(max_length=40)
    place = models.CharField(max_length=120)
    receipt = models.CharField(max_length=500, blank=True, default="")
    anchored_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.digest} {self.place}"
