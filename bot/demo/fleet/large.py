"""Fleets of any size for benchmarks and limits: many nodes that share a few patch lists."""

from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from bot.demo.fleet.baselines import judge, own_baselines
from bot.demo.fleet.conditions import Condition, last_run
from bot.demo.fleet.demo import ACCOUNT, EU
from bot.demo.fleet.model import Fleet, Node, Platform, Run
from bot.demo.fleet.packages import PLATFORMS

# Condition and its share in a hundred nodes.
_SHARES: tuple[tuple[Condition, int], ...] = (
    (Condition(), 76),
    (Condition(missing=2), 6),
    (Condition(missing=5), 4),
    (Condition(missing=9), 2),
    (Condition(failed=1, operation="Install"), 2),
    (Condition(pending_reboot=2, operation="Install"), 2),
    (Condition(age=timedelta(days=9)), 2),
    (Condition(age=None), 3),
    (Condition(connection_lost=True, missing=1), 3),
)
_OWNERS = ("payments", "checkout", "platform", "data", "identity", "finance", "retail")
_GROUPS = ("prod-app", "prod-data", "prod-windows", "")
_VARIANTS = 3


def large_fleet(
    count: int,
    now: datetime,
    *,
    environment: str = "prod",
    region: str = EU,
    account: str = ACCOUNT,
    seed: int = 2,
) -> Fleet:
    """`count` running nodes in one account and Region, all of one environment."""
    rng = Random(seed)
    now = now.replace(microsecond=0)
    baselines = own_baselines(account, region, rng)
    conditions = [condition for condition, share in _SHARES for _ in range(share)]
    runs: dict[tuple[Platform, str, Condition, int], Run | None] = {}
    nodes = []
    for number in range(count):
        platform, group = rng.choice(PLATFORMS), rng.choice(_GROUPS)
        condition = rng.choice(conditions)
        key = (platform, group, condition, rng.randrange(_VARIANTS))
        if key not in runs:
            system = platform.operating_system
            baseline_id, baseline = judge(
                baselines, region=region, operating_system=system, patch_group=group
            )
            runs[key] = last_run(
                condition,
                platform=platform,
                baseline_id=baseline_id,
                baseline=baseline,
                patch_group=group,
                now=now,
                rng=rng,
            )
        owner = rng.choice(_OWNERS)
        tags = {"Name": f"{environment}-{owner}-{number:06d}", "Environment": environment}
        tags |= {"Owner": owner} | ({"Patch Group": group} if group else {})
        nodes.append(
            Node(
                instance_id=f"i-0{rng.getrandbits(64):016x}",
                account=account,
                region=region,
                platform=platform,
                tags=tags,
                last_ping=now - timedelta(seconds=rng.randrange(300)),
                computer_name=f"host-{number:06d}",
                ip_address=f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
                connection_lost=condition.connection_lost,
                run=_later(runs[key], rng),
            )
        )
    return Fleet(now=now, nodes=tuple(nodes), baselines=baselines)


def _later(run: Run | None, rng: Random) -> Run | None:
    if run is None:
        return None
    shift = timedelta(seconds=rng.randrange(3600))
    return replace(run, started=run.started - shift, ended=run.ended - shift)
