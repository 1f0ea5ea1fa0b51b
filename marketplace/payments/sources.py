"""What a payment is for, as the app above knows it: whose it is, whether it is still wanted, what happens next.

An app above registers itself under the prefix of its sources ("pledge" for "pledge:12") in ``AppConfig.ready``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from marketplace.payments.models import Payment, Refund


class Source(Protocol):
    """An app whose things are paid for. All methods but the first two run inside the transaction of the payment."""

    def may_see(self, user: Any, payment: Payment) -> bool:
        """Say whether this person belongs to the payer."""

    def address(self, payment: Payment) -> str:
        """Return where "back" leads."""

    def accepts(self, payment: Payment) -> bool:
        """Say whether the money is still wanted; if not it goes to suspense until two persons decide."""

    def paid(self, payment: Payment) -> None:
        """The money is certain, its booking may follow."""

    def booked(self, payment: Payment) -> None:
        """The money is in the fund's books."""

    def refunded(self, payment: Payment, refund: Refund, sign: int) -> None:
        """Money went back (``sign`` -1), or a refund came back (+1)."""


@dataclass(frozen=True)
class NoSource:
    """What holds for payments that no app above knows."""

    def may_see(self, user: Any, payment: Payment) -> bool:  # noqa: ARG002
        """Nobody but who started it and the fund's staff."""
        return False

    def address(self, payment: Payment) -> str:  # noqa: ARG002
        """Lead to the first page."""
        return "/"

    def accepts(self, payment: Payment) -> bool:  # noqa: ARG002
        """Take the money."""
        return True

    def paid(self, payment: Payment) -> None:
        """Nothing follows."""

    def booked(self, payment: Payment) -> None:
        """Nothing follows."""

    def refunded(self, payment: Payment, refund: Refund, sign: int) -> None:
        """Nothing follows."""


_sources: dict[str, Source] = {}


def register(prefix: str, source: Source) -> None:
    """Let an app answer for the sources with this prefix; again replaces it (``ready`` may run twice)."""
    _sources[prefix] = source


def unregister(prefix: str) -> None:
    """Take it out again (tests)."""
    _sources.pop(prefix, None)


def of(payment: Payment) -> Source:
    """Return who answers for a payment."""
    return _sources.get(payment.source.partition(":")[0]) or NoSource()
