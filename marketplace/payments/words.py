"""What refusals that nobody sees on a form mean, for the person who can act."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

#: Why a call of the webhook was refused → what to do. Nothing was kept of such a call but its count.
REFUSED = {
    "bad_signature": _(
        "Nobody whom we know signed it. If Stripe did: the secret in STRIPE_WEBHOOK_SECRETS is another."
    ),
    "too_old": _("It was signed over five minutes ago: somebody repeats it, or the clock of this machine is wrong."),
    "from_future": _("It is dated ahead of our clock: the clock of this machine is wrong."),
    "too_large": _("It was larger than any message of Stripe's (256 KB)."),
    "not_utf8": _("It was no text."),
    "no_event": _("It was signed, but is no event: another address of Stripe's may lead here."),
}

#: Why a payment failed, or was put aside → what to do. A word of a bank or a person is said as it is.
FAILURES = {
    "amount_mismatch": _("Amount or currency differ from what was agreed: the money waits until two persons place it."),
    "not_wanted": _("It was given up here before the money came: the money waits until two persons place it."),
    "purpose_closed": _("The purpose is closed: the money waits until two persons place it."),
    "never opened": _("The payment page never opened; nothing was paid."),
    "not there": _("The money did not come."),
    "card_declined": _("The bank declined the card; the payer may try another."),
    "insufficient_funds": _("There was not enough money on the card; the payer may try another."),
    "expired_card": _("The card has expired; the payer may try another."),
    "processing_error": _("The bank had a fault; the payer may try again."),
}


def failure_text(code: str) -> str:
    """Put the reason of a failure into words."""
    return str(FAILURES.get(code, code))
