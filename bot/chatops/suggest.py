"""Finds what a mistyped word was meant to be, at a cost that does not depend on what anybody types or is called."""

from collections.abc import Iterable
from typing import Final

LONGEST_WORD: Final = 64  # in a longer one nobody's slip is guessed
# Candidates that are compared letter by letter; the others only by length and by pieces they have in common.
COMPARED: Final = 300


def closest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that `word` most likely stands for, or None when none is near.

    A beginning counts (“stat”), as does more than the whole (“production” for “prod”). Otherwise one slip per
    three letters is forgiven, four at most, and two letters swapped are one slip; of equally near ones the one of
    like length wins, then the first. Of very many that are almost alike not all are compared.
    """
    typed = word.casefold()
    if not typed:
        return None
    known = {name: name.casefold() for name in dict.fromkeys(candidates)}
    begun = [name for name, folded in known.items() if folded.startswith(typed)]
    if begun:
        return min(begun, key=len)
    short = [name for name, folded in known.items() if len(name) > 2 and typed.startswith(folded)]
    if short:
        return max(short, key=len)
    return _misspelt(typed, known) if len(typed) <= LONGEST_WORD else None


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """“Did you mean “status”?”, or nothing when no candidate is near."""
    name = closest(word, candidates)
    return f"Did you mean “{name}”?" if name else ""


def _misspelt(typed: str, known: dict[str, str]) -> str | None:
    """The name with the fewest slips; those that share the most pieces with `typed` are looked at first."""
    allowed = max(1, min(len(typed), 12) // 3)
    step = max(1, len(typed) // (4 * allowed))
    pieces = [typed[at : at + step] for at in range(0, len(typed), step)]
    alike = []
    for index, (name, meant) in enumerate(known.items()):
        further = abs(len(meant) - len(typed))
        # As many slips as letters would turn any short word into any other.
        limit = min(allowed, len(meant) - 1)
        if further <= limit:
            broken = len(pieces) - sum(map(meant.__contains__, pieces))
            if broken <= 2 * limit:  # a swap can break two pieces, any other slip one
                alike.append((broken, further, index, limit, name, meant))
    best, found = (allowed + 1, 0, 0), None
    for broken, further, index, limit, name, meant in sorted(alike)[:COMPARED]:
        if broken > 2 * best[0]:
            break
        slips = _slips(typed, meant, limit=min(limit, best[0]))
        if slips is not None and (slips, further, index) < best:
            best, found = (slips, further, index), name
    return found


def _slips(typed: str, meant: str, *, limit: int) -> int | None:
    """Letters inserted, left out, replaced, or swapped with their neighbour; None when there are more than `limit`.

    The optimal string alignment distance, in the band that `limit` leaves of its table (Ukkonen's cut-off).
    """
    beyond = limit + 1
    before: list[int] = []
    row = list(range(len(meant) + 1))
    for i, char in enumerate(typed, 1):
        last, before, row = before, row, [beyond] * (len(meant) + 1)
        row[0] = i
        for j in range(max(1, i - limit), min(len(meant), i + limit) + 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (char != meant[j - 1]))
            if i > 1 and j > 1 and char == meant[j - 2] and typed[i - 2] == meant[j - 1]:
                cost = min(cost, last[j - 2] + 1)
            row[j] = cost
        if min(row) > limit:
            return None
    return row[-1] if row[-1] <= limit else None
