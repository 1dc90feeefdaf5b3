"""HTML that is safe by construction: every text is escaped unless it is already markup."""

import base64
import hashlib
import html
import json
import re
from typing import Any

from etude.evidence.rounding import printable

STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
"""Control characters but line ends and tabs, marks of direction, invisible and lone halves."""


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def markup(value: object) -> Html:
    """The value as markup; plain text is escaped, what steers its display is written out."""
    if isinstance(value, Html):
        return value
    text = STEERING.sub(lambda found: found[0].encode("unicode_escape").decode(), str(value))
    return Html(html.escape(text, quote=True))


def join(*parts: object) -> Html:
    """Parts after each other, each escaped unless it is markup."""
    return Html("".join(markup(part) for part in parts))


def element(tag: str, *children: object, **attributes: object) -> Html:
    """One element. Attributes: `class_` is class, `aria_label` is aria-label, True has no value.

    Example:
        >>> element("p", "a < b", class_="note")
        '<p class="note">a &lt; b</p>'
    """
    texts = [
        f" {name.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{markup(value)}"')
        for name, value in attributes.items()
        if value is not None and value is not False
    ]
    return Html(f"<{tag}{''.join(texts)}>{join(*children)}</{tag}>")


def name(label: str) -> Html:
    """A name of the user: isolated from the direction of its surroundings, its marks shown.

    A mark that turns the direction of writing is written out, for it could make one name look
    like another.
    """
    return element("bdi", printable(label))


def embedded_json(value: Any) -> Html:
    """JSON that cannot leave its script element nor break a line of script.

    Besides `<`, `>` and `&`, U+2028 and U+2029 are escaped: all that is not ASCII is.

    Raises:
        ValueError: a number is not finite.
    """
    text = json.dumps(value, allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Html(text)


def content_hash(text: str) -> str:
    """What a content security policy calls an inline script or style."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
