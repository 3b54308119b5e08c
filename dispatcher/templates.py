"""Renders message templates: Liquid, then MJML for the HTML part. Which variables a template may use is declared by
the dataclasses here; a template set that could send without postal address or unsubscribe link is refused."""

import html
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import mrml
from liquid import BoundTemplate, DictLoader, Environment
from liquid.exceptions import LiquidError

from dispatcher.bundle import BundleRefused

OUTPUT_LIMIT_BYTES = 1_000_000
LOOP_LIMIT = 10_000
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class Part(StrEnum):
    """A part of a message, named by the end of its template's file name."""

    SUBJECT = "subject.liquid"
    HTML = "mjml.liquid"
    TEXT = "txt.liquid"


@dataclass(frozen=True, slots=True)
class LineView:
    """One cart line."""

    title: str
    quantity: int
    price: str
    """Of the whole line, after discount."""
    image_url: str
    link: str


@dataclass(frozen=True, slots=True)
class OfferView:
    """What the message offers."""

    label: str
    code: str
    expires: str


@dataclass(frozen=True, slots=True)
class LinksView:
    """Where the message leads; every link is signed and none holds an address."""

    restore: str
    home: str
    preferences: str
    unsubscribe: str
    pixel: str
    """Empty unless opens are measured."""


@dataclass(frozen=True, slots=True)
class MessageView:
    """The variables of a template."""

    brand: str
    name: str
    """The recipient's name, or empty."""
    language: str
    lines: tuple[LineView, ...]
    more_lines: int
    """Lines of the cart that are not shown."""
    total: str
    offer: OfferView | None
    postal_address: str
    links: LinksView


class TemplateMissing(Exception):
    """The bundle has no such template."""


class TemplateRefused(Exception):
    """A rendered message lacks what the law demands, or the template does not render."""


class TemplateSet:
    """The templates of one bundle, parsed and checked."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        """Parses `sources` (file name → text). Raises BundleRefused where a message could not lawfully be sent."""
        # Text that goes through MJML becomes HTML, so its variables are escaped; plain text must not be.
        escaping = _environment(sources, autoescape=True)
        plain = _environment(sources, autoescape=False)
        self._templates: dict[str, dict[Part, BoundTemplate]] = {}
        for file_name in sources:
            for part in Part:
                key = file_name.removesuffix(f".{part}")
                if key == file_name:
                    continue
                environment = escaping if part is Part.HTML else plain
                self._templates.setdefault(key, {})[part] = _parse(environment, file_name)
        for key in self.keys():
            self._check(key)

    def keys(self) -> list[str]:
        """The template keys: whatever has a subject. Files without one are building blocks of others."""
        return sorted(key for key, parts in self._templates.items() if Part.SUBJECT in parts)

    def has(self, key: str, parts: frozenset[Part]) -> bool:
        """Whether the template has all these parts."""
        return parts <= self._templates.get(key, {}).keys()

    def render(self, key: str, parts: frozenset[Part], view: MessageView) -> dict[Part, str]:
        """The parts of a message. Raises TemplateMissing, TemplateRefused."""
        if not self.has(key, parts):
            raise TemplateMissing(key)
        variables = _printable(asdict(view))
        try:
            rendered = {part: _rendered(self._templates[key][part], part, variables) for part in sorted(parts)}
        except (LiquidError, OSError) as error:
            raise TemplateRefused(f"{key}: {error}") from error
        for part in parts - {Part.SUBJECT}:
            _demand_imprint(rendered[part], view, f"{key}.{part}")
        return rendered

    def _check(self, key: str) -> None:
        parts = frozenset(self._templates[key])
        if missing := frozenset(Part) - parts:
            raise BundleRefused(f"template {key} has no {min(missing)}")
        try:
            for view in (SPECIMEN, SPECIMEN_WITHOUT_OFFER):
                self.render(key, parts, view)
        except TemplateRefused as error:
            raise BundleRefused(str(error)) from error


class _BoundedEnvironment(Environment):
    loop_iteration_limit = LOOP_LIMIT
    output_stream_limit = OUTPUT_LIMIT_BYTES


def _environment(sources: Mapping[str, str], *, autoescape: bool) -> Environment:
    return _BoundedEnvironment(loader=DictLoader(dict(sources)), autoescape=autoescape)


def _parse(environment: Environment, file_name: str) -> BoundTemplate:
    try:
        return environment.get_template(file_name)
    except LiquidError as error:
        raise BundleRefused(f"{file_name}: {error}") from error


def _rendered(template: BoundTemplate, part: Part, variables: dict[str, object]) -> str:
    text = template.render(**variables)
    match part:
        case Part.HTML:
            # No web fonts: they would tell a third party who opens the message.
            return mrml.to_html(text, render_options=mrml.RenderOptions(disable_comments=False, fonts={})).content
        case Part.SUBJECT:
            return " ".join(text.split())
        case Part.TEXT:
            return text


def _printable(value: Any) -> Any:
    """The same variables without characters that XML cannot hold: shops and persons may be called anything."""
    match value:
        case str():
            return UNPRINTABLE.sub("", value)
        case dict():
            return {key: _printable(inner) for key, inner in value.items()}
        case tuple():
            return [_printable(inner) for inner in value]
        case _:
            return value


def _demand_imprint(rendered: str, view: MessageView, name: str) -> None:
    readable = " ".join(html.unescape(rendered).split())
    if not view.postal_address.strip() or " ".join(view.postal_address.split()) not in readable:
        raise TemplateRefused(f"{name}: the postal address is missing")
    if not view.links.unsubscribe or view.links.unsubscribe not in readable:
        raise TemplateRefused(f"{name}: the unsubscribe link is missing")


SPECIMEN = MessageView(
    brand="Specimen & Co",
    name="Specimen",
    language="en",
    lines=(LineView("Specimen <line>", 2, "€1.00", "https://shop.example/image.png", "https://links.example/c/line"),),
    more_lines=1,
    total="€3.00",
    offer=OfferView("10 % off", "SPECIMEN", "1 January 2030, 12:00 UTC"),
    postal_address="1 Specimen Street, 12345 Specimen",
    links=LinksView(
        restore="https://links.example/c/restore",
        home="https://links.example/c/home",
        preferences="https://links.example/p/specimen",
        unsubscribe="https://links.example/u/specimen",
        pixel="https://links.example/o/specimen",
    ),
)
"""Every template is rendered with this when its bundle is loaded."""

SPECIMEN_WITHOUT_OFFER = MessageView(
    brand=SPECIMEN.brand,
    name="",
    language="",
    lines=(LineView("", 1, "", "", ""),),
    more_lines=0,
    total="",
    offer=None,
    postal_address=SPECIMEN.postal_address,
    links=LinksView("https://links.example/c/restore", "", "", SPECIMEN.links.unsubscribe, ""),
)
