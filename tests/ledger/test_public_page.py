"""What a villager reads on the public page: whole sentences, the seal's facts, each as it is meant."""

from __future__ import annotations

import datetime as dt
import html
import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from timebank.ledger import services as ledger
from timebank.ledger.canon import short_digest
from timebank.ledger.forms import MOST
from timebank.ledger.models import Seal
from timebank.ledger.selectors.proofs import receipt_text

PAGE = reverse("ledger:verify")
ENGLISH = {"accept-language": "en"}


@pytest.fixture
def sealed(move, time_machine):
    """Two transfers under one seal, made at a known moment."""
    time_machine.move_to(dt.datetime(2030, 5, 4, 18, 30, tzinfo=dt.UTC), tick=False)  # half past two, the next day
    first = move("issuance", "li", 10)
    move("issuance", "wang", 20)
    made = ledger.seal()
    time_machine.move_to(dt.datetime(2030, 5, 5, 6, 0, tzinfo=dt.UTC), tick=False)
    return first, made


def digest_of(seal):
    return short_digest(seal.number, seal.hash)


def ask(client, digest):
    return client.get(PAGE, {"digest": digest}, headers=ENGLISH)


def send(client, content):
    file = SimpleUploadedFile("receipt.json", content.encode(), content_type="application/json")
    return client.post(PAGE, {"receipt": file}, headers=ENGLISH)


def words(response):
    return html.unescape(response.content.decode())


def test_a_known_digest_is_answered_with_the_facts_of_its_seal(client, sealed):
    response = ask(client, digest_of(sealed[1]))
    assert response.status_code == 200
    assert response.context["answer"] == {
        "tone": "good",
        "title": "The ledger agrees with the notice board",
        "text": "Everything up to this seal is as it was when the digest was put up.",
        "items": [
            ("Seal", digest_of(sealed[1])),
            ("Sealed at", "May 5, 2030, 2:30 a.m."),
            ("Entries in this seal", "2"),
        ],
    }
    for word in ("agrees with the notice board", "Everything up to this seal", "Entries in this seal"):
        assert word in words(response)


def test_an_unknown_digest_says_what_to_do(client, sealed):
    response = ask(client, "1-0000-0000-0000-0000")
    assert response.status_code == 200
    assert response.context["answer"] == {
        "tone": "bad",
        "title": "The ledger does not know this digest",
        "text": "Check the letters once more. If they are right, tell the village committee: history was changed.",
        "items": [],
    }
    assert "tell the village committee" in words(response)


def test_a_genuine_receipt_is_answered_with_the_facts_of_its_seal(client, sealed):
    response = send(client, receipt_text(sealed[0].id))
    assert response.status_code == 200
    assert response.context["answer"] == {
        "tone": "good",
        "title": "This receipt is genuine",
        "text": "The entry stands in the ledger exactly as the receipt says.",
        "items": [
            ("Seal", digest_of(sealed[1])),
            ("Sealed at", "May 5, 2030, 2:30 a.m."),
            ("Entries in this seal", "2"),
        ],
    }


def test_a_changed_receipt_is_called_so(client, sealed):
    receipt = json.loads(receipt_text(sealed[0].id))
    receipt["transfer"]["memo"] = "more"
    response = send(client, json.dumps(receipt))
    assert response.status_code == 200
    assert response.context["answer"] == {
        "tone": "bad",
        "title": "This receipt does not agree with the ledger",
        "text": "It was changed, or it is not from here.",
        "items": [],
    }
    assert "it is not from here" in words(response)


@pytest.mark.parametrize("text", ["hello", "", "1-7Q3K"])
def test_what_is_no_digest_is_refused_at_the_field(client, sealed, text):
    response = ask(client, text)
    assert response.status_code == 422
    assert response.context["answer"] is None
    errors = response.context["digest_form"].errors
    expected = "This is not a digest. Copy the number and all sixteen letters." if text else "This field is required."
    assert errors == {"digest": [expected]}
    assert expected in words(response)


def test_the_digest_fields_are_named_and_explained(client, db):
    field = client.get(PAGE, headers=ENGLISH).context["digest_form"].fields["digest"]
    assert field.label == "Digest from the notice board"
    assert field.help_text == "For example 128-7Q3K-0M5D-TT2X-9ABC"
    assert (
        ask(client, "1" * 61).context["digest_form"].errors["digest"][0].startswith("Ensure this value has at most 60")
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("no json", "This file is not a receipt."),
        ("[]", "This file is not a receipt."),
        ("[" * 100_000, "This file is not a receipt."),
        ("{" + " " * MOST + "}", "This file is too large to be a receipt."),
    ],
    ids=["text", "a list", "deep", "large"],
)
def test_what_is_no_receipt_is_refused_at_the_field(client, db, content, sentence):
    response = send(client, content)
    assert response.status_code == 422
    assert response.context["receipt_form"].errors == {"receipt": [sentence]}
    assert response.context["answer"] is None
    assert sentence in words(response)


def test_a_receipt_of_the_largest_size_is_still_read(client, db):
    response = send(client, "{" + " " * (MOST - 2) + "}")
    assert response.status_code == 200
    assert response.context["answer"]["title"] == "This receipt does not agree with the ledger"


def test_a_file_in_other_bytes_is_no_receipt(client, db):
    file = SimpleUploadedFile("receipt.json", b"\xff\xfe{}")
    response = client.post(PAGE, {"receipt": file}, headers=ENGLISH)
    assert response.status_code == 422
    assert response.context["receipt_form"].errors == {"receipt": ["This file is not a receipt."]}


def test_a_browser_may_send_the_receipt(client, db):
    assert words(client.get(PAGE, headers=ENGLISH)).count('name="csrfmiddlewaretoken"') >= 1


def test_a_page_without_a_question_has_no_answer_and_no_complaint(client, sealed):
    response = client.get(PAGE, headers=ENGLISH)
    assert response.status_code == 200
    assert response.context["answer"] is None
    assert not response.context["digest_form"].is_bound
    assert not response.context["receipt_form"].is_bound


def test_a_receipt_is_answered_whatever_digest_stands_in_the_address(client, sealed):
    file = SimpleUploadedFile("receipt.json", receipt_text(sealed[0].id).encode())
    response = client.post(f"{PAGE}?digest={digest_of(sealed[1])}", {"receipt": file}, headers=ENGLISH)
    assert response.status_code == 200
    assert response.context["answer"]["title"] == "This receipt is genuine"


def test_seals_are_listed_newest_first_and_the_code_leads_to_the_newest(client, sealed, move):
    move("issuance", "li", 5)
    newest = ledger.seal()
    response = client.get(PAGE, headers=ENGLISH)
    shown = [(seal.number, digest) for seal, digest in response.context["seals"]]
    assert shown == [(2, digest_of(newest)), (1, digest_of(sealed[1]))]
    assert response.context["newest_url"] == f"http://testserver{PAGE}?digest={digest_of(newest)}"
    text = words(response)
    assert text.index(digest_of(newest)) < text.index(digest_of(sealed[1]))


def test_only_the_ten_newest_seals_are_listed(client, move):
    for _ in range(11):
        move("issuance", "li", 5)
        ledger.seal()
    shown = [seal.number for seal, _digest in client.get(PAGE, headers=ENGLISH).context["seals"]]
    assert shown == list(range(11, 1, -1))


def test_without_a_seal_the_page_says_when_the_first_comes(client, db):
    response = client.get(PAGE, headers=ENGLISH)
    assert response.context["seals"] == []
    assert "No seal yet" in words(response)
    assert not Seal.objects.exists()


@pytest.mark.parametrize(("method", "status"), [("head", 200), ("put", 405), ("delete", 405), ("patch", 405)])
def test_the_page_is_for_reading_and_for_receipts_only(client, db, method, status):
    assert getattr(client, method)(PAGE).status_code == status
