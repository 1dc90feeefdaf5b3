"""What a computation costs, counted from what it was traced to."""

import math
from typing import Any


def _inner(equation: Any) -> list[Any]:
    """The computations inside of an operation."""
    parts = [getattr(part, "jaxpr", part) for part in equation.params.values()]
    return [part for part in parts if hasattr(part, "eqns")]


def intermediate_bytes(jaxpr: Any) -> int:
    """The bytes of everything that a computation computes, as if all of it were kept."""
    total = 0
    for equation in jaxpr.eqns:
        inner = _inner(equation)
        total += sum(map(intermediate_bytes, inner))
        total += sum(
            variable.aval.size * variable.aval.dtype.itemsize
            for variable in equation.outvars
            if hasattr(variable.aval, "size") and not inner
        )
    return total


def operations(jaxpr: Any) -> float:
    """The floating-point operations of all matrix products and convolutions."""
    total = 0.0
    for equation in jaxpr.eqns:
        times = equation.params["length"] if equation.primitive.name == "scan" else 1
        total += times * sum(map(operations, _inner(equation)))
        shapes = [variable.aval.shape for variable in equation.invars[:2]]
        if equation.primitive.name == "dot_general":
            contracted = equation.params["dimension_numbers"][0][0]
            made = math.prod(equation.outvars[0].aval.shape)
            total += 2.0 * made * math.prod(shapes[0][axis] for axis in contracted)
        elif equation.primitive.name == "conv_general_dilated":
            features = shapes[1][equation.params["dimension_numbers"].rhs_spec[0]]
            made = math.prod(equation.outvars[0].aval.shape)
            total += 2.0 * made * math.prod(shapes[1]) / features
    return total
