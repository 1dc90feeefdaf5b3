"""Update rules of Optax, by name, and transformations of the user's own."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Self

import optax
from pydantic import BeforeValidator, Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from etude.algorithm.base import Algorithm, Step
from etude.component import Component, Traced, nearest


class Argument(Component, kind="argument"):
    """A number that a transformation is made with.

    Attributes:
        argument: its name.
        value: the number; it may differ between the members of one program.
    """

    argument: Annotated[str, Field(min_length=1)]
    value: Traced

    def __str__(self) -> str:
        return f"{self.argument}={self.value}"


def _arguments(given: Any) -> Any:
    if isinstance(given, Mapping):
        given = tuple(given.items())
    if not isinstance(given, tuple | list):
        return given
    return tuple(
        Argument(argument=item[0], value=item[1])
        if isinstance(item, tuple | list) and len(item) == 2
        else item
        for item in given
    )


Arguments = Annotated[tuple[Argument, ...], BeforeValidator(_arguments)]
"""Numbers by name, given as a dictionary or as pairs."""


class Transformation(Algorithm):
    """A gradient transformation of Optax as an update rule.

    It sees the network's own arrays, for LAMB and Muon need their shapes.

    Attributes:
        learning_rate: η; the schedule acts on it.
        arguments: further numbers that the transformation is made with.
    """

    elementwise = False

    learning_rate: Annotated[Traced, Field(gt=0)] = 0.001
    arguments: Arguments = ()

    @model_validator(mode="after")
    def _arguments_differ(self) -> Self:
        names = [item.argument for item in self.arguments]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"`arguments` must name each number once, got {name!r} twice")
        return self

    @abstractmethod
    def transformation(self) -> optax.GradientTransformationExtraArgs:
        """The transformation with the numbers that this rule has now."""

    def numbers(self) -> dict[str, Any]:
        """Learning rate and further numbers by name."""
        numbers = {item.argument: item.value for item in self.arguments}
        return {"learning_rate": self.learning_rate} | numbers

    def init(self, params: Any) -> Any:
        return self.transformation().init(params)

    def update(self, gradient: Any, state: Any, params: Any, step: Step) -> tuple[Any, Any]:
        return self.transformation().update(
            gradient, state, params, value=step.value, grad=gradient, value_fn=step.objective
        )

    def evaluated(self, params: Any, state: Any) -> Any:
        if isinstance(state, optax.contrib.ScheduleFreeState):
            return optax.contrib.schedule_free_eval_params(state, params)
        return params


RULES: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {
    "adabelief": (optax.adabelief, ("b1", "b2", "eps", "eps_root")),
    "adadelta": (optax.adadelta, ("rho", "eps", "weight_decay")),
    "adagrad": (optax.adagrad, ("initial_accumulator_value", "eps")),
    "adam": (optax.adam, ("b1", "b2", "eps", "eps_root")),
    "adamax": (optax.adamax, ("b1", "b2", "eps")),
    "adamw": (optax.adamw, ("b1", "b2", "eps", "eps_root", "weight_decay")),
    "adan": (optax.adan, ("b1", "b2", "b3", "eps", "eps_root", "weight_decay")),
    "amsgrad": (optax.amsgrad, ("b1", "b2", "eps", "eps_root")),
    "lamb": (optax.lamb, ("b1", "b2", "eps", "eps_root", "weight_decay")),
    "lars": (optax.lars, ("weight_decay", "trust_coefficient", "eps", "momentum")),
    "lion": (optax.lion, ("b1", "b2", "weight_decay")),
    "muon": (
        optax.contrib.muon,
        ("beta", "eps", "weight_decay", "adam_b1", "adam_b2", "adam_eps_root", "adam_weight_decay"),
    ),
    "nadam": (optax.nadam, ("b1", "b2", "eps", "eps_root")),
    "nadamw": (optax.nadamw, ("b1", "b2", "eps", "eps_root", "weight_decay")),
    "novograd": (optax.novograd, ("b1", "b2", "eps", "eps_root", "weight_decay")),
    "prodigy": (optax.contrib.prodigy, ("beta3", "eps", "estim_lr0", "estim_lr_coef")),
    "radam": (optax.radam, ("b1", "b2", "eps", "eps_root")),
    "rmsprop": (optax.rmsprop, ("decay", "eps", "initial_scale", "momentum")),
    "schedule_free_adamw": (
        optax.contrib.schedule_free_adamw,
        ("b1", "b2", "eps", "weight_decay", "weight_lr_power"),
    ),
    "schedule_free_sgd": (
        optax.contrib.schedule_free_sgd,
        ("b1", "weight_decay", "weight_lr_power"),
    ),
    "sgd": (optax.sgd, ("momentum",)),
    "yogi": (optax.yogi, ("b1", "b2", "eps")),
}
"""From the name of a rule to Optax's function for it and the numbers that it takes."""

SHARES = ("b1", "b2", "b3", "beta", "beta3", "adam_b1", "adam_b2", "decay", "momentum", "rho")
"""Arguments that are the share of an average that stays: from 0 to below 1."""


class Optax(Transformation):
    """An update rule of Optax by its name there, with the meaning and defaults it has there.

    Only here are adan, lars, nadamw, novograd, prodigy, schedule_free_sgd and yogi. The others
    are algorithms of their own, written out and under the same names, and are here for
    comparison: adabelief, adadelta, adagrad, adam, adamax, adamw, amsgrad, lamb, lion, muon,
    nadam, radam, rmsprop, schedule_free_adamw and sgd. Schedule-free rules are judged by their
    average of the weights.

    Attributes:
        rule: the name.
        learning_rate: η; Optax has no default for it in most rules.
        arguments: further numbers by their names in Optax, such as `{"b1": 0.95}`.

    Example:
        >>> Optax(rule="adabelief", learning_rate=0.01, arguments={"b1": 0.95}).rule
        'adabelief'
    """

    rule: str

    @model_validator(mode="after")
    def _rule_is_known(self) -> Self:
        if self.rule not in RULES:
            hint = nearest(self.rule, RULES)
            raise ValueError(f"`rule` must be one that Optax has, got {self.rule!r}{hint}")
        known = RULES[self.rule][1]
        for item in self.arguments:
            name, value = item.argument, item.value
            if name not in known:
                raise ValueError(
                    f"`arguments` of {self.rule} may name {', '.join(known)}, got {name!r}"
                )
            if value < 0 or (name in SHARES and value >= 1):
                rule = "at least 0 and less than 1" if name in SHARES else "at least 0"
                raise ValueError(f"`{name}` of {self.rule} must be {rule}, got {value}")
            if name == "b1" and value == 0 and self.rule.startswith("schedule_free"):
                raise ValueError(f"`b1` of {self.rule} must be greater than 0, got {value}")
        return self

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        factory, _ = RULES[self.rule]
        return optax.with_extra_args_support(factory(**self.numbers()))


class UserRule(Transformation):
    """An Optax transformation of the user.

    It is made as `factory(learning_rate=η, **arguments)` inside a compiled program, where the
    numbers are traced: a factory must not branch on them in Python. Transformations that take
    extra arguments are given `value`, `grad` and `value_fn`. Weights that Optax's own
    `schedule_free` averages are judged by their average.

    Results are stored under label, version and numbers; a changed factory needs a new version,
    or old results are taken for its own.

    Attributes:
        factory: gives an `optax.GradientTransformation`.
        label: its name in tables and in the identity of results.
        version: raised when the meaning of the factory changes.
        learning_rate: η.
        arguments: further numbers, a dictionary or pairs.

    Example:
        >>> import optax
        >>> def clipped(learning_rate, norm):
        ...     return optax.chain(optax.clip_by_global_norm(norm), optax.sgd(learning_rate))
        >>> UserRule(factory=clipped, label="clipped", version="1", arguments={"norm": 1}).label
        'clipped'
    """

    factory: SkipJsonSchema[Callable[..., Any]]
    label: Annotated[str, Field(min_length=1)]
    version: Annotated[str, Field(min_length=1)]

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        return optax.with_extra_args_support(self.factory(**self.numbers()))

    def document(self) -> dict[str, Any]:
        return self._named({"name": self.name}, "document")

    def specification(self) -> dict[str, Any]:
        return self._named({"name": self.name, "revision": self.revision}, "specification")

    def _named(self, start: dict[str, Any], form: Literal["document", "specification"]) -> Any:
        for field in self._documented():
            value = getattr(self, field)
            if field == "arguments":
                value = [getattr(item, form)() for item in value]
            elif isinstance(value, Component):
                value = getattr(value, form)()
            if field != "factory":
                start[field] = value
        return start
