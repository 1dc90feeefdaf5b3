"""Components: validated, immutable values that a compiled program can take as input.

A component is a frozen pydantic model that is also a JAX pytree. A field marked `Traced` is a
leaf: a number that a compiled program takes as input. A child component is a subtree. Every
other field is structure. Two components of equal tree structure therefore share one compiled
program, and stacking their leaves makes a population of them.
"""

import inspect
import re
from typing import Annotated, Any, ClassVar, Self, cast, get_args

import jax
from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import core_schema

from etude.errors import InputError
from etude.packages import is_ours, package_of, packages

LONGEST_NAME, MOST_NAMES = 100, 50
"""So much of a mistyped name is compared with what is known, and so many known names are told."""


class TracedMark:
    """Marks a field whose number a compiled program takes as input."""

    def __repr__(self) -> str:
        return "Traced"


Traced = Annotated[float, TracedMark()]
"""A number that may differ between the members of one program."""


class Incidental:
    """Marks a field that does not change results, such as the path of a file that is read.

    What the file holds does, and has a fingerprint of its own.
    """

    def __repr__(self) -> str:
        return "Incidental"


class Added:
    """Marks a field that a component was given after results of it had been stored.

    It is left out of documents while it has its default, which must mean what the component did
    before: so those results keep their identities.
    """

    def __repr__(self) -> str:
        return "Added"


class AbsentAtDefault:
    """Marks a traced field whose default means that what it is a number of is not there.

    With its default it is structure: the programs of such components do without that part
    instead of computing what changes nothing.
    """

    def __repr__(self) -> str:
        return "AbsentAtDefault"


class UnknownName(ValueError):
    """No component of this kind has the name asked for."""


class Component(BaseModel):
    """One part of a study: data, model, loss, algorithm, or something that they hold.

    Class attributes:
        kind: what it is a choice of ("algorithm", "loss", ...), set by the abstract class of
            the kind through `class Algorithm(Component, kind="algorithm")`.
        name: the name in study files; by default the class name in snake_case.
        revision: raised when the meaning of the component changes, so that results which were
            stored under the old meaning are not taken for results of the new one.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, arbitrary_types_allowed=True
    )

    kind: ClassVar[str] = ""
    name: ClassVar[str] = ""
    revision: ClassVar[int] = 1

    def __init_subclass__(cls, kind: str | None = None, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)

    @classmethod
    def __pydantic_init_subclass__(cls, kind: str | None = None, **arguments: Any) -> None:
        super().__pydantic_init_subclass__(**arguments)
        if kind is not None:
            cls.kind = kind
        if "name" not in cls.__dict__:
            cls.name = snake_case(cls.__name__)
        jax.tree_util.register_pytree_with_keys(
            cls, _flatten_with_keys, lambda structure, leaves: _unflatten(cls, structure, leaves)
        )
        if kind is None and cls.kind and not inspect.isabstract(cls):
            _register(cls)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> Any:
        """A part is given as a component: a dictionary of values does not say of which class."""
        # While a class is made its own schema is asked for; afterwards that of a part.
        if cls.__pydantic_complete__:
            return core_schema.is_instance_schema(cls)
        return handler(source)

    @model_validator(mode="after")
    def _is_hashable(self) -> Self:
        for field in type(self).model_fields:
            try:
                hash(getattr(self, field))
            except TypeError:
                raise ValueError(f"`{field}` must be an immutable value") from None
        return self

    @classmethod
    def traced_fields(cls) -> tuple[str, ...]:
        """The names of the fields that are marked `Traced`, in order."""
        return tuple(
            name for name, field in cls.model_fields.items() if _has_mark(field, TracedMark)
        )

    def __str__(self) -> str:
        """The name, and the fields that differ from their defaults: `cosine(warmup=0.1)`."""
        told = [
            f"{name}={getattr(self, name)}"
            for name, field in type(self).model_fields.items()
            if getattr(self, name) != field.default
        ]
        return f"{self.name}({', '.join(told)})" if told else self.name

    def changed(self, **values: Any) -> Self:
        """A copy with other values, unvalidated: the values may be tracers."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return cast(Self, type(self).model_construct(**(fields | values)))

    def document(self) -> dict[str, Any]:
        """The component as plain JSON values: its name and every field, defaults included.

        Fields that are marked `Added` are there only with another value than their default.
        """
        return {"name": self.name} | {
            field: plain(getattr(self, field)) for field in self._documented()
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        """The component of this kind that a document describes, validated.

        Raises:
            UnknownName: no component of the kind has that name.
            pydantic.ValidationError: a field breaks a rule.
        """
        # A kind of which none is registered, such as a named number, is its own only choice.
        alone = cls.name == document["name"] and not registered(cls.kind)
        chosen = cls if alone else component_class(cls.kind, document["name"])
        fields = {
            name: _from_plain(chosen.model_fields[name].annotation, value)
            if name in chosen.model_fields
            else value
            for name, value in document.items()
            if name != "name"
        }
        return cast(Self, chosen(**fields))

    def specification(self) -> dict[str, Any]:
        """What decides the identity of results: the document with the revision of each part.

        Fields that are marked `Incidental` are left out. A component of an installed package of
        others has name and version of that package too: what its next release gives is never
        taken for what this one gave.
        """
        package = package_of(type(self).__module__)
        origin = {} if package is None else {"package": [package.name, package.version]}
        return (
            {"name": self.name, "revision": self.revision}
            | origin
            | {
                name: plain(getattr(self, name), identity=True)
                for name in self._documented()
                if not _has_mark(type(self).model_fields[name], Incidental)
            }
        )

    def _documented(self) -> tuple[str, ...]:
        return tuple(
            name
            for name, field in type(self).model_fields.items()
            if not _has_mark(field, Added) or getattr(self, name) != field.default
        )


def _has_mark(field: FieldInfo, mark: type) -> bool:
    return any(isinstance(item, mark) for item in field.metadata)


def snake_case(name: str) -> str:
    """`CrossEntropy` -> `cross_entropy`; runs of capitals are one word (`MLP` -> `mlp`)."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


_registry: dict[str, dict[str, type[Component]]] = {}


def _register(cls: type[Component]) -> None:
    names = _registry.setdefault(cls.kind, {})
    known = names.get(cls.name)
    if known is not None and _home(known) != _home(cls):
        raise ValueError(
            f"the {cls.kind} name {cls.name!r} is taken by {known.__module__}.{known.__qualname__}"
        )
    names[cls.name] = cls


def _home(cls: type[Component]) -> tuple[str, str]:
    """What a class shares with one that was made of the same code again, as in a notebook."""
    return cls.__module__.partition(".")[0], cls.__qualname__


def registered(kind: str) -> dict[str, type[Component]]:
    """Every component class of a kind by name, in alphabetical order."""
    return dict(sorted(_registry.get(kind, {}).items()))


def component_class(kind: str, name: str) -> type[Component]:
    """The component class of this kind and name.

    Raises:
        UnknownName: there is none; the message names the nearest known names.
    """
    known = registered(kind)
    if name in known:
        return known[name]
    raise UnknownName(f"there is no {kind} called {name!r}{nearest(name, known)}")


def nearest(name: str, known: Any) -> str:
    """A hint for a mistyped name: `; did you mean 'adam'?`, or the known names."""
    import difflib

    names = list(known)
    typed = name[:LONGEST_NAME].lower()
    close = difflib.get_close_matches(typed, names, n=3, cutoff=0.6)
    if close:
        # Letters in another order are the likeliest slip: `adma` is `adam` before it is `adamax`.
        likeliest = min(close, key=lambda known: sorted(known) != sorted(typed))
        return f"; did you mean {likeliest!r}?"
    # Names of columns may be empty, or hold what would break the line.
    told = [
        known if known.strip() and known.isprintable() else repr(known)
        for known in (known[:LONGEST_NAME] for known in names[:MOST_NAMES])
    ]
    told += ["..."] if len(names) > MOST_NAMES else []
    return f"; known: {', '.join(told)}" if told else ""


def plain(value: Any, identity: bool = False) -> Any:
    """The value of a field as plain JSON: as in a specification, or as in a document."""
    if isinstance(value, Component):
        return value.specification() if identity else value.document()
    if isinstance(value, tuple):
        return [plain(item, identity) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if hasattr(value, "document"):
        return value.document()
    raise TypeError(f"{value!r} has no plain form")


def _from_plain(annotation: Any, value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_from_plain(annotation, item) for item in value)
    kind = component_kind(annotation)
    if isinstance(value, dict) and kind is not None:
        return kind.from_document(value)
    return value


def component_kind(annotation: Any) -> type[Component] | None:
    """The component class in a field's annotation; None where it holds no component."""
    if isinstance(annotation, type) and issubclass(annotation, Component):
        return annotation
    found = (component_kind(part) for part in get_args(annotation))
    return next((part for part in found if part is not None), None)


def _is_subtree(value: Any) -> bool:
    return isinstance(value, Component) or (
        isinstance(value, tuple) and any(isinstance(item, Component) for item in value)
    )


def _is_absent(field: FieldInfo, value: Any) -> bool:
    # Inside a trace the value is a tracer, or what stands for one: only a number is looked at.
    return (
        _has_mark(field, AbsentAtDefault)
        and isinstance(value, int | float)
        and value == field.default
    )


def _flatten_with_keys(component: Component) -> tuple[list[tuple[Any, Any]], Any]:
    cls = type(component)
    traced = cls.traced_fields()
    children: list[tuple[Any, Any]] = []
    structure: list[tuple[str, Any]] = []
    names: list[str] = []
    for name in cls.model_fields:
        value = getattr(component, name)
        absent = name in traced and _is_absent(cls.model_fields[name], value)
        if (name in traced and not absent) or _is_subtree(value):
            children.append((jax.tree_util.GetAttrKey(name), value))
            names.append(name)
        else:
            structure.append((name, value))
    return children, (tuple(names), tuple(structure))


def _unflatten(cls: type[Component], structure: Any, leaves: Any) -> Component:
    names, fixed = structure
    return cls.model_construct(**dict(zip(names, leaves, strict=True)), **dict(fixed))


def discover(package: str, path: Any) -> None:
    """Import every module of a package, so that a component is found by writing its file."""
    import importlib
    import pkgutil

    for module in pkgutil.iter_modules(path):
        importlib.import_module(f"{package}.{module.name}")


def discover_all() -> None:
    """Import all of our components and those of installed packages, so that names can be found.

    Raises:
        InputError: a package cannot be imported, or takes a name that is taken.
    """
    import importlib

    for kind in (
        *("algorithm", "data", "estimator", "loss", "metric", "model", "search", "validation"),
    ):
        importlib.import_module(f"etude.{kind}")
    for package in packages():
        for module in package.modules:
            try:
                importlib.import_module(module)
            except (Exception, SystemExit) as error:
                raise InputError(
                    f"the installed package {package} adds components and cannot be used: "
                    f"{module} fails with {type(error).__name__}: {error}; "
                    "repair or uninstall it"
                ) from error


def lookup(name: str, *kinds: str) -> type[Component]:
    """Our component class with this Python name, for `from etude.algorithm import Adam`."""
    for kind in kinds:
        for cls in registered(kind).values():
            if cls.__name__ == name and is_ours(cls.__module__):
                return cls
    raise AttributeError(f"there is no {' or '.join(kinds)} called {name}")
