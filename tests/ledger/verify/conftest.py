"""Books to look through, and runs that were broken off."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.ledger.conftest import LATER, SOON  # no models here: Django is not set up yet


@pytest.fixture
def books(move):
    """Some of everything, two seals, and a tail that is not sealed."""
    from timebank.ledger import services as ledger
    from timebank.ledger.verify import verify

    move("issuance", "li", 500, until=SOON)
    move("issuance", "wang", 300, until=LATER)
    paid = move("li", "shop", 120)
    ledger.refund(paid.id, amount=20, key="refund", reason="", actor="")
    ledger.seal()
    wrong = move("issuance", "wang", 40, until=SOON)
    move("wang", "li", 330)
    ledger.reverse(wrong.id, key="reverse", reason="", actor="")
    held = ledger.hold(key="h", wallet="li", amount=50, expires_at=dt.datetime(2099, 1, 1, tzinfo=dt.UTC))
    ledger.capture(held.pk, to="bath", amount=30, key="c", actor="")
    move("shop", "bath", 60)
    ledger.seal()
    move("li", "shop", 7)
    move("shop", "bath", 9)
    assert verify().clean


@pytest.fixture
def place(books, monkeypatch, tmp_path):
    """A run that was broken off after the first of two seals; the file that it left."""
    from timebank.ledger.verify import seals, verify

    monkeypatch.setattr(seals, "CHUNK", 1)
    file = tmp_path / "place.json"

    def off_after(number=1):
        def stop(report):
            if report.seals == number:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            verify(resume=file, report_progress=stop)
        return file

    return off_after


@pytest.fixture
def looked_at(monkeypatch):
    """List the transfers of seals that were really read."""
    from timebank.ledger.verify import seals

    seen = []

    def reading(first, alias):
        for pair in read_sealed(first, alias):
            seen.append(pair[0].transfer_id)
            yield pair

    read_sealed = seals.read_sealed
    monkeypatch.setattr(seals, "read_sealed", reading)
    return seen
