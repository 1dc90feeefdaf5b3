"""What components are called: their titles, and the fields that tell them apart."""

from typing import Any

from etude.component import Component

LEAST_DIGITS = 4
MOST_DIGITS = 17
"""With 17 significant digits all numbers of double precision differ."""


def swept_fields(components: tuple[Component, ...]) -> tuple[str, ...]:
    """The fields in which components of one class differ, in order of declaration."""
    if not components:
        return ()
    return tuple(
        field
        for field in type(components[0]).model_fields
        if len({getattr(component, field) for component in components}) > 1
    )


def title_of(component: Component) -> str:
    """What people call a component: the label of a user's part, else its title or name."""
    return str(getattr(component, "label", "") or getattr(component, "title", component.name))


def by_title(components: tuple[Component, ...]) -> list[list[Component]]:
    """The components in groups of one class and title, whose members differ in fields alone."""
    found: dict[Any, list[Component]] = {}
    for component in components:
        found.setdefault((type(component), title_of(component)), []).append(component)
    return list(found.values())


def short_labels(components: tuple[Component, ...]) -> dict[Component, str]:
    """For each its title and the fields in which it differs from others of that title."""
    labels = {}
    for same in by_title(components):
        digits = {field: _digits(field, same) for field in swept_fields(tuple(same))}
        for component in same:
            labels[component] = _label(component, digits)
    return labels


def _digits(field: str, components: list[Component]) -> int:
    """The fewest significant digits, of 4 to 17, that tell the values of a field apart."""
    values = {getattr(component, field) for component in components}
    for digits in range(LEAST_DIGITS, MOST_DIGITS + 1):
        if len({_told(field, value, digits) for value in values}) == len(values):
            return digits
    return LEAST_DIGITS


def _label(component: Component, digits: dict[str, int]) -> str:
    # Code, such as the function of a user's loss, has no form for people.
    told = component.document().keys() - {"label"}
    values = [
        _told(name, getattr(component, name), digits[name]) for name in digits if name in told
    ]
    return " ".join([title_of(component), *values])


def _told(name: str, value: Any, digits: int) -> str:
    if value == ():
        return f"no {name}"
    if isinstance(value, tuple) and all(isinstance(item, Component) for item in value):
        return " ".join(str(item) for item in value)
    if isinstance(value, tuple) and all(isinstance(item, tuple) for item in value):
        return " ".join(f"{key}={_short(item, digits)}" for key, item in value)
    if name == "ensemble":
        return str(value)
    return f"{name}={_short(value, digits)}"


def _short(value: Any, digits: int) -> str:
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    if isinstance(value, tuple):
        return "-".join(_short(item, digits) for item in value)
    return str(value)


def check_versions(kind: str, values: tuple[Component, ...]) -> None:
    """Parts that differ in their code alone would be taken for one another in the store."""
    users = [value for value in values if hasattr(value, "version")]
    known: list[dict[str, Any]] = []
    for user in users:
        if user.specification() in known:
            raise ValueError(
                f"`{kind}` has two different parts of one label and version, "
                f"{getattr(user, 'label', '')} {getattr(user, 'version', '')}; "
                "give what differs a version of its own"
            )
        known.append(user.specification())
