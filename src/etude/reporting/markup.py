"""HTML that is safe by construction: every text is escaped unless it is already markup."""

import base64
import hashlib
import html
import json
from typing import Any

from etude.evidence.rounding import printable


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def markup(value: object) -> Html:
    """The value as markup; plain text is escaped, control characters are written out."""
    if isinstance(value, Html):
        return value
    text = "".join(
        character
        if character in "\n\t" or (character >= " " and character != "\x7f")
        else f"\\x{ord(character):02x}"
        for character in str(value)
    )
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
