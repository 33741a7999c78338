"""Random fleets: every field that counts in the rule, at and around its limits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from bot.core.environments import Account, Target
from bot.core.nodes import ManagedNode, Observation, PatchState
from bot.core.readings import Gap, Reading, TargetReading

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
STALE = timedelta(days=7)
TARGET = Target(Account(), "eu-central-1")

counters = st.sampled_from([0, 0, 0, 1, 2, 40])
ends = st.none() | st.sampled_from(
    [
        NOW,
        NOW + timedelta(minutes=3),
        NOW - timedelta(hours=1),
        NOW - STALE,
        NOW - STALE + timedelta(microseconds=1),
        NOW - timedelta(days=400),
    ]
)
states = st.builds(
    PatchState,
    st.just(""),
    patch_group=st.sampled_from(["", "web", "db"]),
    operation_end_time=ends,
    **dict.fromkeys(
        (
            "missing",
            "failed",
            "installed_rejected",
            "installed_pending_reboot",
            "available_security_updates",
            "critical_non_compliant",
            "security_non_compliant",
            "other_non_compliant",
        ),
        counters,
    ),
)
nodes = st.builds(
    ManagedNode,
    st.integers(0, 40).map(lambda number: f"i-{number:02}"),
    st.sampled_from(["111122223333", "444455556666"]),
    st.sampled_from(["eu-central-1", "us-east-1"]),
    name=st.sampled_from(["", "web-1", "WEB-1", "db-1"]),
    platform_type=st.sampled_from(["", "Linux", "Windows"]),
    platform_name=st.sampled_from(["", "Ubuntu", "Amazon Linux"]),
    platform_version=st.sampled_from(["", "2023"]),
    ping_status=st.sampled_from(["", "Online", "ConnectionLost", "Inactive"]),
    instance_state=st.sampled_from(["", "running", "running", "stopped", "stopping", "terminated"]),
    owner=st.sampled_from(["", "ana", "Bo"]),
)
observations = st.builds(
    Observation,
    nodes,
    st.none() | states,
    st.sampled_from(["", "", "", "AccessDenied"]),
    st.booleans(),
)
gaps = st.builds(Gap, st.just("1"), st.just("us-east-1"), st.just("denied"))
readings = st.builds(
    lambda seen, found: Reading(
        "prod", NOW, (TargetReading(TARGET, "111122223333", NOW, tuple(seen), tuple(found)),)
    ),
    st.lists(observations, max_size=40),
    st.lists(gaps, max_size=2),
)
