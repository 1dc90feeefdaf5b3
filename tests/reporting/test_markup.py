"""Nothing that is not markup becomes markup."""

import base64
import hashlib
import json
from html.parser import HTMLParser

import pytest

from etude.reporting.markup import Html, content_hash, element, embedded_json, join, markup, name

HOSTILE = "</script><img src=x onerror=alert(1)>\"'&\u2028\u2029\x00\x1b"


def test_text_is_escaped_and_markup_is_not() -> None:
    assert element("p", "<b>", Html("<i>x</i>"), 3) == "<p>&lt;b&gt;<i>x</i>3</p>"
    assert join("a&b", Html("&amp;")) == "a&amp;b&amp;"


def test_attributes_cannot_be_left() -> None:
    seen = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag, attributes):
            seen.append((tag, dict(attributes)))

    Parser().feed(element("div", class_="a", aria_label=HOSTILE, hidden=True, id=None))
    ((tag, attributes),) = seen
    assert tag == "div"
    assert set(attributes) == {"class", "aria-label", "hidden"}
    assert attributes["aria-label"].startswith("</script><img src=x onerror=alert(1)>\"'&")


def test_control_characters_are_written_out() -> None:
    assert markup("a\x00b\x1bc\td\n") == "a\\x00b\\x1bc\td\n"


def test_names_cannot_be_made_to_look_like_others() -> None:
    assert name("\u202egnp.exe") == "<bdi>\\u202egnp.exe</bdi>"
    assert name("שלום <b>") == "<bdi>שלום &lt;b&gt;</bdi>"


def test_json_keeps_its_value_and_cannot_close_its_script() -> None:
    value = {HOSTILE: [HOSTILE, 1.5, None]}
    text = embedded_json(value)
    assert json.loads(text) == value
    assert not set("<>&\u2028\u2029") & set(text)
    assert text.isascii()


def test_json_refuses_what_no_browser_reads() -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        embedded_json(float("nan"))


def test_hashes_are_those_of_a_content_security_policy() -> None:
    digest = base64.b64encode(hashlib.sha256("é".encode()).digest()).decode()
    assert content_hash("é") == f"'sha256-{digest}'"


def test_marks_that_steer_the_display_are_written_out():
    steering = "\x00\x1b\x7f\x9b\u061c\u200b\u200e\u202e\u2028\u2066\ufeff\ud800"
    written = markup(f"a{steering}b")
    assert written.isascii()
    assert written == "a" + steering.encode("unicode_escape").decode() + "b"
    assert markup("a\n\tb שלום 🧪") == "a\n\tb שלום 🧪"
