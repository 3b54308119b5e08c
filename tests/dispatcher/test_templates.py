"""Rendering: what a message shows, and which templates are refused."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.bundle import BundleRefused
from dispatcher.money import format_money
from dispatcher.templates import SPECIMEN, LineView, Part, TemplateMissing, TemplateRefused, TemplateSet
from tests.dispatcher.world import TEMPLATES

STARTER = {path.name: path.read_text() for path in TEMPLATES.glob("*.liquid")}
STARTER_SET = TemplateSet(STARTER)
PARTS = frozenset(Part)


def test_starter_has_a_reminder_with_and_one_without_an_offer() -> None:
    assert STARTER_SET.keys() == ["offer", "reminder"]


@pytest.mark.parametrize("key", ["offer", "reminder"])
def test_message_shows_cart_offer_links_and_imprint(key: str) -> None:
    rendered = STARTER_SET.render(key, PARTS, SPECIMEN)
    for part in (Part.HTML, Part.TEXT):
        for shown in ("€1.00", "€3.00", "SPECIMEN", "10 % off", "1 January 2030", "1 Specimen Street"):
            assert shown in rendered[part]
        for link in (SPECIMEN.links.restore, SPECIMEN.links.unsubscribe, SPECIMEN.links.preferences):
            assert link in rendered[part]
    assert SPECIMEN.lines[0].image_url in rendered[Part.HTML]
    assert "\n" not in rendered[Part.SUBJECT] and rendered[Part.SUBJECT]


def test_html_asks_no_third_party_for_anything() -> None:
    assert "fonts.googleapis" not in STARTER_SET.render("reminder", PARTS, SPECIMEN)[Part.HTML]


@given(title=st.text(max_size=60), name=st.text(max_size=30))
def test_names_never_become_markup(title: str, name: str) -> None:
    hostile = f"<img src=x onerror=alert(1)>{title}"
    view = replace(SPECIMEN, name=f"</mj-text>{name}", lines=(LineView(hostile, 1, "€1.00", "", ""),))
    rendered = STARTER_SET.render("reminder", PARTS, view)
    assert "<img src=x" not in rendered[Part.HTML]


def without(key: str, words: str) -> dict[str, str]:
    return STARTER | {key: STARTER[key].replace(words, "")}


@pytest.mark.parametrize(
    ("file_name", "words"),
    [
        ("footer.mjml.liquid", "{{ postal_address }}"),
        ("footer.txt.liquid", "{{ postal_address }}"),
        ("footer.mjml.liquid", "{{ links.unsubscribe }}"),
        ("footer.txt.liquid", "{{ links.unsubscribe }}"),
    ],
)
def test_template_without_imprint_or_unsubscribe_is_refused(file_name: str, words: str) -> None:
    with pytest.raises(BundleRefused):
        TemplateSet(without(file_name, words))


@pytest.mark.parametrize(
    ("file_name", "content"),
    [
        ("reminder.mjml.liquid", "<mjml><mj-body><broken></mj-body></mjml>"),
        ("reminder.txt.liquid", "{% if"),
        ("extra.subject.liquid", "a subject without a message"),
        ("reminder.txt.liquid", "{% for i in (1..1000000) %}{{ i }}{% endfor %}"),
    ],
)
def test_template_that_does_not_render_is_refused(file_name: str, content: str) -> None:
    with pytest.raises(BundleRefused):
        TemplateSet(STARTER | {file_name: content})


def test_storefront_without_postal_address_sends_nothing() -> None:
    with pytest.raises(TemplateRefused):
        STARTER_SET.render("reminder", PARTS, replace(SPECIMEN, postal_address=" "))


def test_unknown_template_is_missing() -> None:
    with pytest.raises(TemplateMissing):
        STARTER_SET.render("nowhere", PARTS, SPECIMEN)


@pytest.mark.parametrize(
    ("minor_units", "currency_code", "words"),
    [
        (123_450, "EUR", "€1,234.50"),
        (5, "USD", "$0.05"),
        (1_234, "JPY", "¥1,234"),
        (1_234_567, "KWD", "1,234.567 KWD"),
        (99_900, "SEK", "999.00 SEK"),
        (-250, "GBP", "-£2.50"),
    ],
)
def test_money_has_its_currencys_digits(minor_units: int, currency_code: str, words: str) -> None:
    assert format_money(minor_units, currency_code) == words
