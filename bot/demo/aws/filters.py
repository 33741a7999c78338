"""Filter operators that several listings share."""

from collections.abc import Callable, Sequence

_ONE_VALUE: dict[str, Callable[[str, str], bool]] = {
    "equal": lambda actual, wanted: actual == wanted,
    "beginwith": lambda actual, wanted: actual.startswith(wanted),
    "lessthan": lambda actual, wanted: _number(actual) < _number(wanted),
    "greaterthan": lambda actual, wanted: _number(actual) > _number(wanted),
}


def matches(actual: str | None, operator: str, values: Sequence[str]) -> bool:
    """Whether a value fits any of `values` under Equal, NotEqual, BeginWith, LessThan,
    GreaterThan or Exists, in either spelling AWS uses (NotEqual, NOT_EQUAL).

    Numbers are compared as numbers. A missing value fits only NotEqual.
    """
    name = operator.replace("_", "").lower()
    if name == "exists":
        return actual is not None
    if name == "notequal":
        return actual not in values
    compare = _ONE_VALUE[name]
    return actual is not None and any(compare(actual, wanted) for wanted in values)


def _number(text: str) -> tuple[int, float, str]:
    try:
        return (0, float(text), "")
    except ValueError:
        return (1, 0.0, text)
