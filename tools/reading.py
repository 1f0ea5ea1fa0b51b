"""Find what people type or a browser sends where it is not read by ``timebank.common.input`` or its form fields.

And days that a view would show as programs write them, and lookups that no index serves.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

# Where the readers themselves live, and words that nobody types.
EXEMPT = ("timebank/common/input.py", "timebank/common/fields.py", "timebank/common/idempotency.py")
TYPED_IN = ("services", "selectors", "forms", "views", "backends", "rules")
SENT = {"GET", "POST", "COOKIES"}
RAW_FIELDS = {"CharField", "IntegerField", "DateField", "DateTimeField"}
PARSERS = {"int", "float", "Decimal", "fromisoformat", "strptime"}
DIGITS = {"isdigit", "isnumeric", "isdecimal"}
# A line may say why it reads, or writes a day, by itself: "# reads itself: …".
EXCUSE = "# reads itself:"


def findings(name: str, text: str) -> list[str]:
    """Return what is wrong in one file, as "line: what"."""
    if name in EXEMPT:
        return []
    lines = text.splitlines()
    tree = ast.parse(text)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    parts = Path(name).with_suffix("").parts
    typed = any(part in TYPED_IN for part in parts)
    wrong = {
        (node.lineno, what)
        for node in ast.walk(tree)
        for what in _wrong(node, parents, typed=typed, shown="views" in parts)
        if EXCUSE not in lines[node.lineno - 1]
    }
    return [f"{line}: {what}" for line, what in sorted(wrong)]


def _wrong(node: ast.AST, parents: dict[ast.AST, ast.AST], *, typed: bool, shown: bool) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and "<int:" in node.value:
        yield "an address with <int:>: <id:> is 404 for what no row can have"
    if not isinstance(node, ast.Call):
        return
    called = _name(node.func)
    arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
    if _is_raw_field(node, called):
        yield f"forms.{called}: take the field of timebank.common.fields"
    if called in PARSERS and any(
        _sent(part) or _form_data(part) for argument in arguments for part in ast.walk(argument)
    ):
        yield f"{called}() of what was sent: take a reader of timebank.common.input"
    if any("__date__" in f"{keyword.arg}__" for keyword in node.keywords):
        yield "__date of an instant reads every row: compare with the ends of the days (common.days.end_of_day)"
    if typed and called in DIGITS:
        yield f".{called}() lets ² and digits without end through: take read_int, read_id or digits"
    if typed and called == "strip" and not node.args and isinstance(node.func, ast.Attribute):
        yield ".strip() leaves what can't be seen: take clean_text, person_name, phone …"
    if shown and called in {"isoformat", "strftime"}:
        yield f".{called}() is for programs: on a page take day or timestamp of timebank.ui.templatetags.ui"
    if _is_sent_value(node) and not _is_read(node, parents):
        yield "a value of the request used as it came: take read_text, read_id, read_choice …"


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _sent(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in SENT


def _form_data(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "data" and _name(node.value) in {"self", "form"}


def _is_raw_field(node: ast.Call, called: str) -> bool:
    """Say whether a form takes text, numbers or days by Django's own field; secrets and keys may."""
    func = node.func
    if called not in RAW_FIELDS or not isinstance(func, ast.Attribute) or _name(func.value) != "forms":
        return False
    names = {_name(part) for part in ast.walk(node) if isinstance(part, ast.Attribute)}
    return not names & {"PasswordInput", "HiddenInput"}


def _is_sent_value(node: ast.Call) -> bool:
    """Say whether this is ``request.GET.get(…)`` or ``.getlist(…)``."""
    return isinstance(node.func, ast.Attribute) and node.func.attr in {"get", "getlist"} and _sent(node.func.value)


def _is_read(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> bool:
    """Say whether the value goes straight to a reader, is compared, or only asked for being there."""
    parent = parents.get(node)
    if isinstance(parent, ast.BoolOp):
        return _is_read(parent, parents)
    if isinstance(parent, ast.Compare):
        return True
    if isinstance(parent, (ast.If, ast.IfExp, ast.While)):
        return parent.test is node
    if isinstance(parent, ast.UnaryOp):
        return isinstance(parent.op, ast.Not)
    # Whatever is called by a plain name is a function of ours and reads; a method or attribute of the value is not.
    return (
        isinstance(parent, ast.Call)
        and node in parent.args
        and _name(parent.func).startswith(("read_", "clean_", "fold", "bool"))
    )
