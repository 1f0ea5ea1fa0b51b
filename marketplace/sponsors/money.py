"""What payments ask this app about a pledge, and what follows when its money is booked or goes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import F
from django.urls import reverse

from marketplace.payments import sources
from marketplace.sponsors import rules
from marketplace.sponsors.models import Need, Pledge, Receipt
from marketplace.sponsors.services.papers import counter_receipt, issue_receipt
from marketplace.sponsors.services.pledges import locked_pledge

if TYPE_CHECKING:
    from marketplace.payments.models import Payment, Refund

PREFIX = "pledge"


def pledge_of(source: str) -> Pledge | None:
    """Return the pledge that a source names, with what rights are checked by."""
    prefix, _colon, number = source.partition(":")
    if prefix != PREFIX or not number.isdigit():
        return None
    related = ("fund__region", "enterprise__organisation", "enterprise__merged_into__organisation")
    return Pledge.objects.select_related(*related).filter(pk=int(number)).first()


class PledgeSource:
    """A pledge as something that is paid for (``payments.sources.Source``)."""

    def may_see(self, user: Any, payment: Payment) -> bool:
        """Say whether this person works for the sponsor."""
        pledge = pledge_of(payment.source)
        return pledge is not None and rules.is_staff(user, pledge.enterprise)

    def address(self, payment: Payment) -> str:
        """Lead back to the pledge."""
        pledge = pledge_of(payment.source)
        return reverse("sponsors:pledge", args=[pledge.pk]) if pledge is not None else "/"

    def accepts(self, payment: Payment) -> bool:
        """Say whether the money is still wanted: the pledge is open and this is no more than is missing."""
        pledge = pledge_of(payment.source)
        return pledge is not None and pledge.is_live and payment.amount_minor <= pledge.missing_fen

    def paid(self, payment: Payment) -> None:
        """Nothing follows before the money is booked."""

    def booked(self, payment: Payment) -> None:
        """Count the money, write the receipt; a need whose budget is reached is funded."""
        result = pledge_of(payment.source)
        if result is None or Receipt.objects.filter(source=f"payment:{payment.pk}").exists():
            return
        pledge = locked_pledge(result)
        pledge.received_fen += payment.gross_fen
        pledge.fee_fen += payment.fee_fen
        full = pledge.received_fen >= pledge.amount_fen
        if pledge.is_live:
            pledge.state = Pledge.State.FULFILLED if full else Pledge.State.PART
        pledge.save(update_fields=["received_fen", "fee_fen", "state"])
        if pledge.need_id:
            _count(pledge.need_id, payment.gross_fen)
        issue_receipt(
            pledge=pledge,
            source=f"payment:{payment.pk}",
            fen=payment.gross_fen,
            fee_fen=payment.fee_fen,
            text=pledge.text,
            actor=None,
            practice=payment.provider == "practice",
        )

    def refunded(self, payment: Payment, refund: Refund, sign: int) -> None:
        """Take money that went back off the pledge, by a counter-receipt; a refund that came back counts again."""
        result = pledge_of(payment.source)
        receipt = Receipt.objects.filter(source=f"payment:{payment.pk}").first()
        if result is None or receipt is None:
            return
        pledge = locked_pledge(result)
        fen = refund.amount_minor * payment.gross_fen // payment.amount_minor
        if sign < 0:
            fen = min(fen, pledge.received_fen)
            counter_receipt(
                receipt=receipt, fen=fen, source=f"refund:{refund.pk}", reason=refund.reason, actor=refund.approved_by
            )
            pledge.received_fen -= fen
            pledge.state = Pledge.State.PART if pledge.received_fen else Pledge.State.WITHDRAWN
        else:
            issue_receipt(pledge=pledge, source=f"refund:{refund.pk}:back", fen=fen, text=pledge.text, actor=None)
            pledge.received_fen += fen
            full = pledge.received_fen >= pledge.amount_fen
            pledge.state = Pledge.State.FULFILLED if full else Pledge.State.PART
        pledge.save(update_fields=["received_fen", "state"])
        if pledge.need_id:
            _count(pledge.need_id, -fen if sign < 0 else fen)


def _count(need_id: int, fen: int) -> None:
    Need.objects.filter(pk=need_id).update(received_fen=F("received_fen") + fen)
    reached = Need.objects.filter(pk=need_id, received_fen__gte=F("budget_fen"))
    reached.filter(state=Need.State.CLAIMED).update(state=Need.State.FUNDED)
    Need.objects.filter(pk=need_id, state=Need.State.FUNDED, received_fen__lt=F("budget_fen")).update(
        state=Need.State.CLAIMED
    )


def register() -> None:
    """Answer for pledges."""
    sources.register(PREFIX, PledgeSource())
