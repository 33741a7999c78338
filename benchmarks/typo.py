"""A typo in a Name among 10,000 nodes: how long it takes to say that there is none, or which was meant.

The worst are names that somebody made of the very pieces that are typed; the figures are processor time, for a typo
must not keep everybody else waiting.
"""

from __future__ import annotations

import argparse
import random
import time

from bot.chatops.suggest import closest

LIMIT_MS = 100
LENGTH = 63  # of the longest host name that DNS allows
LETTERS = "abcdefghijklmnopqrstuvwxyz-.0123456789" * 2


def fleets(nodes: int) -> dict[str, tuple[str, list[str]]]:
    """What is typed and what the nodes are called, by the kind of fleet."""
    chance = random.Random(7)
    typed = LETTERS[:LENGTH]
    pieces = [typed[at : at + 3] for at in range(0, LENGTH, 3)]
    numbered = [f"{typed[:-5]}{n:05}" for n in range(nodes)]
    return {
        "unlike": (typed, ["".join(chance.choices(LETTERS, k=LENGTH)) for _ in numbered]),
        "numbered": (typed[1] + typed[0] + numbered[nodes // 2][2:], numbered),
        "shuffled": (typed, ["".join(chance.sample(pieces, len(pieces))) for _ in numbered]),
    }


def main(arguments: list[str]) -> int:
    """Measure. Returns 1 when one of them took too long."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks typo", description=__doc__)
    parser.add_argument("--nodes", type=int, default=10_000)
    given = parser.parse_args(arguments)
    slowest = 0.0
    for kind, (typed, names) in fleets(given.nodes).items():
        began = time.process_time()
        closest(typed, names)
        taken = 1000 * (time.process_time() - began)
        slowest = max(slowest, taken)
        about = f"{given.nodes:,} {kind} names of {LENGTH} characters"
        print(f"{taken:6.0f} ms for {about} ({LIMIT_MS} is the limit)")
    return 0 if slowest < LIMIT_MS else 1
