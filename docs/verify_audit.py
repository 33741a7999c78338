"""Checks an exported audit log without any code of patchbot.

    patchbot audit export > audit.jsonl
    python verify_audit.py audit.jsonl [head.json | 123:0123456789abcdef]

The head is one that you kept elsewhere. Without it a tail that was cut off, or a history that was written anew from
some row on, does not show. Rows hold: hash = SHA-256 over (version, ledger, seq, at_us, boot, kind, actor, subject,
body, prev), each with its length before it in eight bytes, big end first; prev is the hash of the row before.
"""

import hashlib
import json
import sys
from pathlib import Path


def digest(ledger: str, row: dict) -> str:
    texts = ["1", ledger, str(row["seq"]), str(row["at_us"])]
    texts += [row[name] for name in ("boot", "kind", "actor", "subject", "body")]
    parts = [text.encode("utf-8", "surrogateescape") for text in texts] + [
        bytes.fromhex(row["prev"])
    ]
    return hashlib.sha256(
        b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    ).hexdigest()


def check(lines: list[str], seq: int, beginning: str) -> str:
    """What is wrong, "" when nothing is."""
    ledger = json.loads(lines[0])["ledger"]
    rows = [json.loads(line) for line in lines[1:-1]]
    prev = "00" * 32
    for number, row in enumerate(rows, 1):
        if row["seq"] != number or row["prev"] != prev or digest(ledger, row) != row["hash"]:
            return f"row {number} is missing or changed"
        prev = row["hash"]
    if seq > len(rows) or (seq > 0 and not rows[seq - 1]["hash"].startswith(beginning)):
        return f"it does not hold the head {seq}:{beginning[:16]}: rows were cut off or rewritten"
    return "" if len(rows) == json.loads(lines[-1])["head"]["seq"] else "its end is missing"


def main(export: str, head: str = "0:") -> int:
    seq, _, beginning = head.partition(":")
    if not seq.isdigit():
        kept = json.loads(Path(head).read_text("utf-8"))
        seq, beginning = kept["seq"], kept["hash"]
    lines = Path(export).read_text("utf-8").splitlines()
    problem = check(lines, int(seq), beginning)
    print(problem or f"whole: {len(lines) - 2} rows")
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
