"""What Django's fields, validators and password rules say is said in plain Chinese (K19)."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django import forms
from django.contrib.auth import forms as auth_forms
from django.contrib.auth.password_validation import get_default_password_validators, validate_password
from django.core import validators
from django.core.exceptions import ValidationError
from django.forms import fields, models
from django.utils import translation

# Of a program, or such as a translator of frameworks writes: no villager knows a variable.
FOREIGN = re.compile(r"[A-Za-z]{4,}|变量|字段|实例|参数|对象|主键|表达式|管理表单")
KNOWN = re.compile(r"%\([a-z_]+\)[a-z]|IPv4|IPv6|URL|JSON|UUID|name@example\.com", re.IGNORECASE)
# Kinds of fields that no form of ours has: a person never reads what they say.
UNUSED = {"GenericIPAddressField", "JSONField", "UUIDField", "SlugField", "RegexField", "FilePathField", "ComboField"}
UNUSED |= {
    "InlineForeignKeyField",
    "DurationField",
    "FloatField",
    "MultiValueField",
    "SplitDateTimeField",
    "TypedMultipleChoiceField",
}
REFUSED = [
    (validators.MaxLengthValidator(9), "x" * 12),
    (validators.MinLengthValidator(9), "x"),
    (validators.MaxValueValidator(9), 12),
    (validators.MinValueValidator(9), 1),
    (validators.StepValueValidator(5), 7),
    (validators.DecimalValidator(4, 2), Decimal("12345.6")),
    (validators.DecimalValidator(4, 2), Decimal("1.234")),
    (validators.DecimalValidator(4, 2), Decimal("123.4")),
    (validators.DecimalValidator(4, 2), Decimal("NaN")),
    (validators.ProhibitNullCharactersValidator(), "\0"),
    (validators.FileExtensionValidator(["csv"]), SimpleNamespace(name="a.exe")),
    (validators.EmailValidator(), "x"),
    (validators.validate_integer, "x"),
]


def _said() -> Iterator[tuple[str, str]]:
    for module in (fields, models, auth_forms):
        for name, kind in inspect.getmembers(module, inspect.isclass):
            if name in UNUSED or not issubclass(kind, (forms.Field, forms.BaseForm)):
                continue
            messages: dict[str, Any] = {}
            for parent in reversed(kind.__mro__):
                messages |= getattr(parent, "default_error_messages", None) or {}
            for code, text in messages.items():
                yield f"{name}.{code}", str(text)
    for check, value in REFUSED:
        with pytest.raises(ValidationError) as refusal:
            check(value)
        yield f"{type(check).__name__} {value}", refusal.value.messages[0]


@pytest.mark.parametrize("language", ["zh-hans"])
def test_every_message_of_the_framework_is_in_plain_words(language):
    with translation.override(language):
        wrong = {name: text for name, text in _said() if FOREIGN.search(KNOWN.sub("", text))}
    assert wrong == {}


def test_every_rule_for_passwords_is_in_plain_words():
    assert get_default_password_validators()
    with translation.override("zh-hans"):
        for password in ("a", "password", "12345678"):
            with pytest.raises(ValidationError) as refusal:
                validate_password(password)
            for text in refusal.value.messages:
                assert not FOREIGN.search(text), text
