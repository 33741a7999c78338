"""Starts lives of the process quickly: everything is imported once, each life is a fork of this process.

Reads one JSON object per line ({"address", "directory", "kill_at"}) and answers with how that life ended.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path

from bot.store import ledger_schema
from tests.kills.life import Life

SURVIVED, FAILED = 0, 3
IMPORTED = (ledger_schema,)  # which a first life would otherwise import itself


def main() -> None:
    """Serve until the input ends."""
    for line in sys.stdin:
        order = json.loads(line)
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            _live(order, write)
        os.close(write)
        with os.fdopen(read) as pipe:
            told = pipe.read()
        _, status = os.waitpid(child, 0)
        ended = {
            "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
            "exit": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
            "steps": int(told or 0),
        }
        sys.stdout.write(json.dumps(ended) + "\n")
        sys.stdout.flush()


def _live(order: dict[str, object], write: int) -> None:
    try:
        life = Life(
            str(order["address"]), Path(str(order["directory"])), kill_at=int(str(order["kill_at"]))
        )
        life.live()
        os.write(write, str(life.steps.taken).encode())
    except BaseException:  # noqa: BLE001  # nothing of the parent's may run in the child
        traceback.print_exc()
        os._exit(FAILED)
    os._exit(SURVIVED)


if __name__ == "__main__":
    main()
