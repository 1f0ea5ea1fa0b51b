"""Do a thing once, however often it is asked for: a double tap, a reload, a lost answer, two tabs, a retried call.

The key comes with the form (``IdempotentForm``) or from the caller. The row is written in the transaction that does
the thing, so both stand or fall together: what was refused may be sent again under its key. Whoever sends the same key
at the same moment waits and gets the first answer. Keys are kept ``KEPT``; an older form creates anew.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django import forms
from django.apps import apps
from django.db import IntegrityError, models, transaction
from django.db.models import Model
from django.utils import timezone
from django.utils.crypto import salted_hmac

from timebank.common.errors import KeyConflict
from timebank.common.input import InvalidInput
from timebank.common.models import IdempotencyKey

KEPT = dt.timedelta(days=90)
_KEY = re.compile(r"[A-Za-z0-9_.:-]{8,64}")

T = TypeVar("T")


@dataclass(frozen=True)
class Once(Generic[T]):
    """What came of it; ``replayed`` when it had been done before. A result that is gone by now is None."""

    result: T
    replayed: bool


def new_key() -> str:
    """Return a key that nobody else has."""
    return uuid.uuid4().hex


def read_key(value: Any) -> str:
    """Return a key as it was sent; ``InvalidInput`` for what can't be one."""
    text = str(value or "")
    if not _KEY.fullmatch(text):
        raise InvalidInput(code="invalid_key")
    return text


def once(
    *, key: str, actor: Any, scope: str, content: Any, create: Callable[[], T], now: dt.datetime | None = None
) -> Once[T]:
    """Call ``create`` unless it was done under this key; raise ``KeyConflict`` if the key meant something else.

    ``scope`` names the act and its place ("receive_stock:12"), ``content`` is everything that was asked (JSON, dates,
    decimals, rows, files). ``create`` returns a row or a JSON value. It runs inside this transaction, so nothing in it
    may be ``durable``: check a PIN before.
    """
    asked = {
        "scope": scope[:80],
        "actor": str(getattr(actor, "pk", actor) or ""),
        "content_hash": content_hash(content),
    }
    with transaction.atomic():
        try:
            with transaction.atomic():
                # Whoever comes second waits here until the first has committed or given up.
                row = IdempotencyKey.objects.create(key=read_key(key), created_at=now or timezone.now(), **asked)
        except IntegrityError:
            return Once(_replay(IdempotencyKey.objects.get(key=key), asked), replayed=True)
        result = create()
        row.result = _reference(result)
        row.save(update_fields=["result"])
    return Once(result, replayed=False)


def _replay(row: IdempotencyKey, asked: dict[str, str]) -> Any:
    if any(getattr(row, name) != value for name, value in asked.items()):
        raise KeyConflict
    return _resolve(row.result)


def _reference(result: Any) -> Any:
    if isinstance(result, Model):
        return {"model": result._meta.label_lower, "pk": str(result.pk)}
    if isinstance(result, (list, tuple)):
        return {"list": [_reference(item) for item in result]}
    return {"value": result}


def _resolve(kept: Any) -> Any:
    if kept is None:
        return None
    if "model" in kept:
        return apps.get_model(kept["model"])._default_manager.filter(pk=kept["pk"]).first()
    if "list" in kept:
        return [_resolve(item) for item in kept["list"]]
    return kept["value"]


# -- Content -----------------------------------------------------------------------------------------------------------
def content_hash(content: Any) -> str:
    """Return the same for the same content, whatever the order of its names."""
    text = json.dumps(_plain(content), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    # keyed: forms hold ID numbers, and few enough are possible to try them all
    return salted_hmac("once", text.encode("utf-8", "surrogatepass"), algorithm="sha256").hexdigest()


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((_plain(item) for item in value), key=repr)
    if isinstance(value, models.QuerySet):
        return sorted(str(pk) for pk in value.values_list("pk", flat=True))
    if isinstance(value, Model):
        return [value._meta.label_lower, str(value.pk)]
    if hasattr(value, "chunks") and hasattr(value, "seek"):
        return _of_file(value)
    return str(value)


def _of_file(upload: Any) -> list[Any]:
    total = hashlib.sha256()
    upload.seek(0)
    for chunk in upload.chunks():
        total.update(chunk)
    upload.seek(0)
    return [upload.name, total.hexdigest()]


# -- Forms -------------------------------------------------------------------------------------------------------------
class IdempotentForm(forms.Form):
    """A form that creates something: its hidden key makes a second sending answer as the first.

    After ``is_valid()``, ``form.once(actor=…, scope=…, create=…)``. A form without a key (sent by a script) is done
    each time. After ``KeyConflict`` the form gets a new key, so that sending it again is a decision.
    """

    KEY = "idempotency_key"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields[self.KEY] = forms.CharField(
            required=False, max_length=64, widget=forms.HiddenInput, initial=new_key, label=""
        )

    def clean_idempotency_key(self) -> str:
        """Take the key as it was sent; a spoilt one counts as none was sent."""
        text = str(self.cleaned_data.get(self.KEY) or "")
        return text if _KEY.fullmatch(text) else new_key()

    def once(self, *, actor: Any, scope: str, create: Callable[[], T], extra: Any = None) -> Once[T]:
        """Call ``create`` once for what was filled in here; ``extra`` is what counts as content besides."""
        content = {name: value for name, value in self.cleaned_data.items() if name != self.KEY}
        try:
            return once(
                key=self.cleaned_data[self.KEY], actor=actor, scope=scope, content=[content, extra], create=create
            )
        except KeyConflict:
            self.renew_key()
            raise

    def renew_key(self) -> None:
        """Let the form, when it is shown again, be a new one."""
        if hasattr(self.data, "copy"):
            self.data = self.data.copy()
        self.data[self.add_prefix(self.KEY)] = new_key()  # type: ignore[index]


def key_input() -> str:
    """Return the hidden field for a hand-written form."""
    return forms.HiddenInput().render(IdempotentForm.KEY, new_key())
