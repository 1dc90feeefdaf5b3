"""Conformance checks of components, for packages of one's own and for Étude's own tests.

Every kind of component has a table of checks. One line runs all of them:

    def test_my_algorithm() -> None:
        etude.testing.check(MyAlgorithm())

and one test for each of them tells more at once:

    @pytest.mark.parametrize(("name", "check"), etude.testing.conformance("algorithm"))
    def test_my_algorithm(name: str, check: etude.testing.Check) -> None:
        check(MyAlgorithm())

One more line looks for leaks from held-out rows to training, in a validation or in data:

    def test_nothing_leaks() -> None:
        assert etude.testing.leaks(MyValidation()) == {}

A check that fails raises an AssertionError with a sentence that says what is wrong. The checks
say whether a component keeps the promises that the engine builds on; whether its formula is the
right one only a comparison with something independent can say.
"""

from etude.testing.leak_detector import leaks
from etude.testing.table import Check, check, conformance, failures, kinds

__all__ = ["Check", "check", "conformance", "failures", "kinds", "leaks"]
