"""Check requests by the SDK's own TypedDicts: unknown names, missing ones, bad integers and booleans are refused."""

from __future__ import annotations

import functools
import re
import sys
import types
import typing
from typing import Any
from urllib.parse import parse_qsl

import stripe
import typing_extensions as te
from stripe._request_options import RequestOptions
from stripe._stripe_context import StripeContext

OPTIONS = frozenset(RequestOptions.__annotations__)  # travel in headers, never in the body


class Refused(Exception):
    """An answer other than 200, in Stripe's shape."""

    def __init__(self, status: int, message: str, kind: str = "invalid_request_error", /, **facts: Any):
        super().__init__(message)
        self.status = status
        self.body = {"error": {"type": kind, "message": message, **facts}}


@functools.cache
def _fields(shape: Any) -> dict[str, Any]:
    names = {**vars(typing), "StripeContext": StripeContext}
    for base in (*getattr(shape, "__orig_bases__", ()), shape):
        names.update(vars(sys.modules.get(getattr(base, "__module__", ""), types.ModuleType("none"))))
    hints = te.get_type_hints(shape, globalns=names, localns=names)
    return {name: hint for name, hint in hints.items() if name not in OPTIONS}


def checked(shape: Any, value: Any, path: str = "") -> Any:
    """Return ``value`` with the types that ``shape`` asks for. Raises ``Refused`` as Stripe words it."""
    origin = typing.get_origin(shape)
    if origin in (te.NotRequired, te.Required):
        return checked(typing.get_args(shape)[0], value, path)
    if te.is_typeddict(shape):
        return _checked_object(shape, value, path)
    if origin in (typing.Union, types.UnionType):
        return _checked_union(shape, value, path)
    if origin is list:
        return _checked_list(shape, value, path)
    if origin is dict or (isinstance(shape, type) and issubclass(shape, stripe.StripeObject)):
        if isinstance(value, dict):
            return value
        raise Refused(400, "Invalid object", param=path)
    if origin in (te.Literal, typing.Literal):
        if value in typing.get_args(shape):
            return value
        choices = ", ".join(map(str, typing.get_args(shape)))
        raise Refused(400, f"Invalid {path}: must be one of {choices}", param=path)
    return _checked_plain(shape, value, path)


def _checked_object(shape: Any, value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refused(400, "Invalid object", param=path)
    fields = _fields(shape)

    def inside(name: str) -> str:
        return f"{path}[{name}]" if path else name

    for name in value:
        if name not in fields:
            place = inside(name)
            raise Refused(400, f"Received unknown parameter: {place}", code="parameter_unknown", param=place)
    for name in sorted(getattr(shape, "__required_keys__", ())):
        if name in fields and typing.get_origin(fields[name]) is not te.NotRequired and name not in value:
            place = inside(name)
            raise Refused(400, f"Missing required param: {place}.", code="parameter_missing", param=place)
    return {name: checked(fields[name], item, inside(name)) for name, item in value.items()}


def _checked_union(shape: Any, value: Any, path: str) -> Any:
    refusal: Refused | None = None
    for arg in typing.get_args(shape):
        try:
            return checked(arg, value, path)
        except Refused as error:
            refusal = error
    raise refusal or Refused(400, "Invalid value", param=path)


def _checked_list(shape: Any, value: Any, path: str) -> list[Any]:
    if isinstance(value, dict):
        value = [value[key] for key in sorted(value, key=int)]
    if not isinstance(value, list):
        raise Refused(400, "Invalid array", param=path)
    inner = typing.get_args(shape)[0]
    return [checked(inner, item, f"{path}[{number}]") for number, item in enumerate(value)]


def _checked_plain(shape: Any, value: Any, path: str) -> Any:
    if shape is int:
        if re.fullmatch(r"-?\d{1,18}", str(value)):
            return int(value)
        raise Refused(400, f"Invalid integer: {value}", code="parameter_invalid_integer", param=path)
    if shape is bool:
        if value in ("true", "false"):
            return value == "true"
        raise Refused(400, f"Invalid boolean: {value}", param=path)
    if shape is str and not isinstance(value, str):
        raise Refused(400, "Invalid string", param=path)
    return value


def nested(body: str) -> dict[str, Any]:
    """Read a form body with names such as ``line_items[0][quantity]`` as nested dictionaries."""
    result: dict[str, Any] = {}
    for name, value in parse_qsl(body, keep_blank_values=True):
        keys = [part.removesuffix("]") for part in name.split("[")]
        place = result
        for key in keys[:-1]:
            place = place.setdefault(key or str(len(place)), {})
            if not isinstance(place, dict):
                raise Refused(400, "Invalid object", param=name)
        place[keys[-1] or str(len(place))] = value
    return result
