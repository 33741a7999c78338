"""A process that clicks: it delivers its clicks one after another, some of them twice, as Slack may."""

from __future__ import annotations

import json
import sys
from multiprocessing.connection import Client


def main() -> None:
    """Deliver what stands on the input, one click per line, and expect an acknowledgement of each."""
    address = sys.argv[1]
    with Client(address, "AF_UNIX", authkey=b"tests") as connection:
        for line in sys.stdin:
            connection.send(json.loads(line))
            connection.recv()


if __name__ == "__main__":
    main()
