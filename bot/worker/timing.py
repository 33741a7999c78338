"""How long the worker waits for what. All of it can be given, so that tests need not wait."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Timing:
    """Times of the worker; the defaults are for AWS as it is.

    - `settle`: a send without an answer is looked for after this: the read time-out (30 s) and a minute, because lists
      of AWS lag behind.
    - `looks_back`: how far before the intent commands are looked for, for clocks that differ.
    - `history`: how long AWS keeps commands.
    - `guard`: seconds between intent and send; a process that stood still for longer sends nothing.
    - `attempts`: tries of one send that AWS throttles (surely not taken), `first_pause` seconds apart, doubling.
    - `command_limit`: delivery (1 h), the document's step (2 h) and a margin; then a node's outcome is unknown.
    - `verify_limit`: how long the scan after a run may take at least, also where the run's own time is over.
    - `reboot_grace`: how long a node may take to answer again after its outcome is known.
    - `report_grace`: how long a patch state may take to appear after its scan; `report_every`: seconds between looks.
    - `active`, `idle`: seconds between two rounds with and without an open run.
    - `poll_at_most`: seconds between two looks at an old command; a young one is looked at more often.
    - `look_again`: seconds between two looks for a send that was not found; `late_looks`: after its run has ended.
    - `members_for`: seconds for which a reading of an environment's members counts.
    - `clock_jump`, `trust_again`: what makes the wall clock doubtful, and seconds until it is trusted again.
    - `tell_stuck`: seconds for which a job fails before the card of its run says so.
    - `redraw`: seconds after which a live card that nothing moved is drawn anew.
    - `history_every`: seconds between two bites of what history collects; `history_retry`: until a snapshot that could
      not be taken is tried again; `history_again`: until one that was not whole is.
    - `reminder`: how long before a request expires people are reminded.
    """

    settle: timedelta = timedelta(seconds=90)
    looks_back: timedelta = timedelta(minutes=10)
    history: timedelta = timedelta(days=30)
    guard: float = 30.0
    attempts: int = 5
    first_pause: float = 0.5
    command_limit: timedelta = timedelta(hours=3, minutes=15)
    verify_limit: timedelta = timedelta(minutes=30)
    reboot_grace: float = 900.0
    report_grace: float = 300.0
    report_every: float = 5.0
    active: float = 2.0
    idle: float = 15.0
    poll_at_most: float = 20.0
    look_again: float = 30.0
    late_looks: float = 600.0
    members_for: float = 60.0
    clock_jump: timedelta = timedelta(minutes=5)
    trust_again: float = 600.0
    tell_stuck: float = 300.0
    redraw: float = 600.0
    history_every: float = 15.0
    history_retry: float = 300.0
    history_again: float = 3600.0
    reminder: timedelta = timedelta(minutes=15)
