"""Finds what a mistyped word was meant to be."""

from collections.abc import Iterable


def closest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that `word` most likely stands for, or None when none is near.

    A beginning counts (“stat”), as does more than the whole (“production” for “prod”). Otherwise one slip per
    three letters is forgiven, and two letters swapped are one slip; of equally near ones the one of like length
    wins, then the first.
    """
    typed = word.casefold()
    known = list(dict.fromkeys(candidates))
    if not typed:
        return None
    begun = [name for name in known if name.casefold().startswith(typed)]
    if begun:
        return min(begun, key=len)
    short = [name for name in known if len(name) > 2 and typed.startswith(name.casefold())]
    if short:
        return max(short, key=len)
    slips = {name: _slips(typed, name.casefold()) for name in known}
    best = min(known, key=lambda name: (slips[name], abs(len(name) - len(typed))), default=None)
    allowed = max(1, min(len(typed), 12) // 3)
    # As many slips as letters would turn any short word into any other.
    return best if best is not None and slips[best] <= min(allowed, len(best) - 1) else None


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """“Did you mean “status”?”, or nothing when no candidate is near."""
    name = closest(word, candidates)
    return f"Did you mean “{name}”?" if name else ""


def _slips(typed: str, meant: str) -> int:
    """Optimal string alignment distance: letters inserted, left out, replaced, or swapped with their neighbour."""
    if abs(len(typed) - len(meant)) > 4:
        return max(len(typed), len(meant))
    before: list[int] = []
    row = list(range(len(meant) + 1))
    for i, char in enumerate(typed, 1):
        before, last, row = row, before, [i]
        for j, other in enumerate(meant, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (char != other))
            if i > 1 and j > 1 and char == meant[j - 2] and typed[i - 2] == other:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]
