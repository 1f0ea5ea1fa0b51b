"""What an app adds to the product, declared in its ``AppConfig``; who shows or runs it iterates over all apps.

No app edits another to appear: a menu, a role, a panel, a sweep or a beat entry is a line in the app that brings it.
Declarations are dotted strings, so that nothing is imported before Django is ready, and are read once.
(Looked at first: Wagtail's hooks and pretalx' signals; both register callables by import side effect, in an order that
nobody sees. A declaration can be listed, checked and tested.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

from django.apps import AppConfig, apps
from django.urls import URLPattern, URLResolver, include, path
from django.utils.module_loading import import_string


class Declared(NamedTuple):
    """One declaration, resolved: which app made it, under which name (of a mapping), and what it points to."""

    app: str
    name: str
    value: Any


class AppContract(AppConfig):
    """Mixin of every app's config. Each attribute is what the app declares; all are optional.

    A mapping's values and a plain string are dotted paths. What a dotted path must point to is said at each attribute.
    """

    # Django takes an app's config by itself only where a module has one: this base never is, each of its heirs is.
    default = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.default = True

    #: prefix → dotted URLconf
    urls_at: ClassVar[Mapping[str, str]] = {}
    #: dotted → list of ``timebank.ui.menus.Entry``: tabs, desk menu, top bar, account links
    menus: ClassVar[str] = ""
    #: dotted → list of ``timebank.registry.roles.StartPage``: where a role begins after signing in
    start_pages: ClassVar[str] = ""
    #: dotted → ``timebank.registry.roles.Duties``: new roles, actions added to roles, clashes, who appoints whom
    duties: ClassVar[str] = ""
    #: name in every page's context → dotted callable ``(request) -> value``, asked when a template does
    page_context: ClassVar[Mapping[str, str]] = {}
    #: name → dotted callable ``(request) -> queryset``, ``counts.Total`` or None for nobody: what the menus of every
    #: page count; ``counts.of_page`` reads all of them in one statement
    page_counts: ClassVar[Mapping[str, str]] = {}
    #: place on a page → dotted callable ``(request, ids) -> {id: context}``, rendered by ``{% panel %}`` with
    #: the template that each context names; several apps may share a place
    panels: ClassVar[Mapping[str, str]] = {}
    #: dotted → mapping: audit action → what a person reads
    audit_labels: ClassVar[str] = ""
    #: dotted callable ``(resident) -> {section: rows as mappings}``: this app's part of "everything we know about me"
    export_section: ClassVar[str] = ""
    #: source prefix ("redemption") → dotted callable ``describe(ids) -> {id: Description}`` for statements
    ledger_sources: ClassVar[Mapping[str, str]] = {}
    #: dotted → list of ``timebank.ui.tiles.Tile`` for the desk's home
    desk_tiles: ClassVar[str] = ""
    #: name in ``/readyz`` → dotted callable ``() -> str``: a short fact, or it raises ``health.NotReady``
    health_checks: ClassVar[Mapping[str, str]] = {}
    #: dotted → sequence of ``timebank.common.guards.Guarded``: append-only tables and other triggers
    append_only: ClassVar[str] = ""
    #: dotted → list of ``timebank.common.sweeps.Sweep``
    sweeps: ClassVar[str] = ""
    #: beat entry's name → (task's dotted name, seconds or crontab)
    beat: ClassVar[Mapping[str, tuple[str, Any]]] = {}
    #: kind of event → dotted callable ``(event) -> None``, each delivered at most once
    listens_to: ClassVar[Mapping[str, str]] = {}
    #: dotted callable ``() -> send(to=, text=, key=)``, or None where no way to a telephone is set
    texts_by: ClassVar[str] = ""
    #: dotted callables ``() -> list[CheckMessage]`` that look at this app's settings
    setting_checks: ClassVar[Sequence[str]] = ()
    #: dotted → list of ``timebank.villages.steps.Step``: what a village needs before it opens
    founding_steps: ClassVar[str] = ""
    #: dotted → list of ``timebank.registry.services.handover.PersonalWork``: what lies with a person by their office
    personal_work: ClassVar[str] = ""
    #: dotted callable ``(gone, stays, *, reason, actor, now)``: what else follows when two registrations have become
    #: one, once all that points to the person has moved
    on_merge: ClassVar[str] = ""
    #: dotted callable ``(place) -> bool``: whether people may not begin there yet (join, open activities)
    in_preparation: ClassVar[str] = ""
    #: name → dotted callable ``(address of this site) -> words of a command, or None``: what ``serve`` keeps running
    processes: ClassVar[Mapping[str, str]] = {}
    #: dotted callable ``(address of this site) -> lines``: what ``serve`` prints once the site answers
    greeting: ClassVar[str] = ""


def _contracts() -> Iterator[tuple[str, Any]]:
    for config in apps.get_app_configs():
        if isinstance(config, AppContract):
            yield config.label, config


@lru_cache(maxsize=64)
def declared(attribute: str) -> tuple[Declared, ...]:
    """Return what all apps declare under ``attribute``, in the order of ``INSTALLED_APPS``, dotted paths resolved."""
    if not hasattr(AppContract, attribute):
        raise AttributeError(f"the contract has no {attribute!r}")
    result = []
    for label, config in _contracts():
        value = getattr(config, attribute)
        if isinstance(value, str):
            pairs = [("", value)] if value else []
        elif isinstance(value, Mapping):
            pairs = list(value.items())
        else:
            pairs = [("", item) for item in value]
        for name, target in pairs:
            result.append(Declared(label, name, import_string(target) if isinstance(target, str) else target))
    return tuple(result)


def items(attribute: str) -> list[Any]:
    """Return the declared lists of all apps as one list."""
    return [item for declaration in declared(attribute) for item in declaration.value]


def by_name(attribute: str) -> dict[str, Any]:
    """Return the declared mappings of all apps as one; ``ValueError`` when two apps claim one name."""
    result: dict[str, Any] = {}
    for declaration in declared(attribute):
        if declaration.name in result:
            raise ValueError(f"{attribute}: {declaration.name!r} is declared twice, again by {declaration.app!r}")
        result[declaration.name] = declaration.value
    return result


def url_patterns() -> list[URLPattern | URLResolver]:
    """Return every app's URLconf at its prefix."""
    return [path(prefix, include(target)) for _, config in _contracts() for prefix, target in config.urls_at.items()]


def beat_schedule() -> dict[str, dict[str, Any]]:
    """Return every declared beat entry, as Celery writes them."""
    entries: dict[str, dict[str, Any]] = {}
    for label, config in _contracts():
        for name, (task, schedule) in config.beat.items():
            if name in entries:
                raise ValueError(f"beat: {name!r} is declared twice, again by {label!r}")
            entries[name] = {"task": task, "schedule": schedule}
    return entries


def check_settings(app_configs: Any, **kwargs: Any) -> list[Any]:
    """Let every app look at its own settings (a system check)."""
    return [message for declaration in declared("setting_checks") for message in declaration.value()]
