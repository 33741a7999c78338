"""The demo's fleet: about 150 nodes in prod, staging and dev, the same for the same seed and now."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

from bot.demo.fleet.baselines import judge, own_baselines
from bot.demo.fleet.conditions import HEALTHY, Condition, last_run
from bot.demo.fleet.model import Baseline, Fleet, Node, Platform
from bot.demo.fleet.packages import (
    AMAZON_LINUX_2,
    AMAZON_LINUX_2023,
    RHEL_9,
    UBUNTU_2204,
    UBUNTU_2404,
    WINDOWS_2019,
    WINDOWS_2022,
)

EU, US = "eu-central-1", "us-east-1"
ACCOUNT = "123456789012"

HOSTILE_NAME = "<!channel> *urgent* <https://evil.example|Approve>"
FORMULA_NAME = "=cmd|' /C calc'!A0"
# DescribeInstanceProperties gives 255 characters, and not one more.
LONG_NAME = "staging-checkout-" + "very-" * 46 + "long-01"
SHARED_NAME = "prod-data-kafka-01"


@dataclass(frozen=True, slots=True)
class Service:
    """A group of like nodes: whose, what, on which platform, how many in each Region."""

    owner: str
    role: str
    platform: Platform
    eu: int
    us: int
    patch_group: str = ""
    instance_type: str = "t3.large"
    hybrid: bool = False


_PROD = (
    Service("payments", "api", AMAZON_LINUX_2023, 6, 3, "prod-app", "m6i.large"),
    Service("payments", "worker", AMAZON_LINUX_2023, 4, 2, "prod-app", "c6i.xlarge"),
    Service("payments", "db", RHEL_9, 3, 0, "prod-data", "r6i.2xlarge"),
    Service("checkout", "web", UBUNTU_2204, 6, 4, "prod-app"),
    Service("checkout", "cart", UBUNTU_2404, 4, 2, "prod-app"),
    Service("platform", "bastion", AMAZON_LINUX_2, 2, 1, "prod-app", "t3.micro"),
    Service("platform", "ingress", AMAZON_LINUX_2023, 5, 3, "prod-app", "c6i.large"),
    Service("platform", "ci", UBUNTU_2204, 3, 0, "prod-app", "c6i.2xlarge"),
    Service("data", "kafka", AMAZON_LINUX_2, 6, 3, "prod-data", "r6i.xlarge"),
    Service("data", "etl", RHEL_9, 3, 2, "prod-data", "m6i.xlarge"),
    Service("data", "warehouse", RHEL_9, 3, 0, "prod-data", "r6i.4xlarge"),
    Service("identity", "ad", WINDOWS_2022, 4, 2, "prod-windows"),
    Service("identity", "sso", WINDOWS_2019, 3, 1, "prod-windows"),
    Service("finance", "erp", WINDOWS_2019, 2, 0, "prod-windows", "m6i.xlarge"),
    Service("retail", "store", UBUNTU_2204, 3, 0, "prod-app", hybrid=True),
)
_STAGING = (
    Service("payments", "api", AMAZON_LINUX_2023, 4, 2, "staging"),
    Service("payments", "db", RHEL_9, 2, 0, "staging"),
    Service("checkout", "web", UBUNTU_2204, 5, 3, "staging"),
    Service("checkout", "cart", UBUNTU_2404, 3, 2, "staging"),
    Service("platform", "ingress", AMAZON_LINUX_2023, 3, 2, "staging"),
    Service("data", "kafka", AMAZON_LINUX_2, 3, 0, "staging"),
    Service("identity", "ad", WINDOWS_2022, 3, 2, "staging"),
    Service("identity", "sso", WINDOWS_2019, 2, 1, "staging"),
    Service("retail", "store", UBUNTU_2204, 1, 0, "staging", hybrid=True),
)
_DEV = (
    Service("payments", "sandbox", AMAZON_LINUX_2023, 5, 2),
    Service("checkout", "sandbox", UBUNTU_2404, 5, 2),
    Service("platform", "ci", UBUNTU_2204, 4, 0),
    Service("platform", "toolbox", AMAZON_LINUX_2, 3, 2),
    Service("data", "notebook", RHEL_9, 4, 2),
    Service("identity", "lab", WINDOWS_2022, 3, 1),
)
_DAY = timedelta(days=1)
_CONDITIONS: dict[str, tuple[Condition, ...]] = {
    "prod": (
        Condition(missing=3),
        Condition(missing=6),
        Condition(missing=4),
        Condition(missing=1),
        Condition(missing=9, age=3 * _DAY),
        Condition(missing=2, only_windows=True),
        Condition(missing=2, connection_lost=True, age=2 * _DAY),
        Condition(failed=1, operation="Install"),
        Condition(failed=3, operation="Install", age=_DAY),
        Condition(pending_reboot=2, operation="Install"),
        Condition(pending_reboot=1, operation="Install", age=2 * _DAY),
        Condition(rejected=True, only_amazon_linux_2023=True),
        Condition(available=True, only_windows=True),
        Condition(operation="Install", age=2 * _DAY),
        Condition(operation="Install", age=_DAY),
        Condition(connection_lost=True, age=3 * _DAY),
        Condition(age=9 * _DAY),
        Condition(missing=5, age=20 * _DAY, connection_lost=True),
        Condition(age=None),
        Condition(age=None),
        Condition(state="stopped", age=12 * _DAY),
        Condition(state="stopped", age=4 * _DAY, missing=2),
        Condition(state="terminated", age=6 * _DAY, missing=4),
    ),
    "staging": (
        Condition(missing=4, name=HOSTILE_NAME),
        Condition(missing=2, name=LONG_NAME),
        Condition(missing=3),
        Condition(missing=5),
        Condition(missing=7, age=2 * _DAY),
        Condition(missing=2, only_windows=True),
        Condition(available=True, only_windows=True),
        Condition(missing=1),
        Condition(failed=2, operation="Install"),
        Condition(pending_reboot=2, operation="Install"),
        Condition(operation="Install"),
        Condition(age=9 * _DAY),
        Condition(age=None),
        Condition(state="stopped", age=15 * _DAY),
        Condition(state="terminated", age=3 * _DAY),
    ),
    "dev": (
        Condition(missing=3, name=FORMULA_NAME),
        Condition(missing=10),
        Condition(missing=8),
        Condition(missing=6),
        Condition(missing=5, only_windows=True),
        Condition(missing=4),
        Condition(missing=11, age=5 * _DAY),
        Condition(failed=2, operation="Install"),
        Condition(connection_lost=True, age=20 * _DAY, missing=3),
        Condition(age=9 * _DAY),
        Condition(age=None),
        Condition(age=None),
        Condition(age=None),
        Condition(state="stopped", age=20 * _DAY),
        Condition(state="stopped", age=None),
    ),
}


def demo_fleet(now: datetime, *, seed: int = 2, account: str = ACCOUNT) -> Fleet:
    """The fleet as it stands at `now` (an aware time); everything else comes from `seed`."""
    rng = Random(seed)
    now = now.replace(microsecond=0)
    baselines = tuple(each for region in (EU, US) for each in own_baselines(account, region, rng))
    nodes: list[Node] = []
    for environment, services in (("prod", _PROD), ("staging", _STAGING), ("dev", _DEV)):
        places = list(_places(environment, services))
        conditions = _assigned(places, _CONDITIONS[environment], rng)
        for place, condition in zip(places, conditions, strict=True):
            nodes.append(_node(place, condition, baselines, now, rng, account, len(nodes)))
    return Fleet(now=now, nodes=tuple(nodes), baselines=baselines)


@dataclass(frozen=True, slots=True)
class _Place:
    environment: str
    service: Service
    region: str
    name: str


def _places(environment: str, services: Iterable[Service]) -> Iterator[_Place]:
    for service in services:
        stem = f"{environment}-{service.owner}-{service.role}"
        for number in range(1, service.eu + service.us + 1):
            region = EU if number <= service.eu else US
            name = f"{stem}-{number:02d}"
            if service.role == "kafka" and environment == "prod" and number == service.eu + 1:
                # The other Region's team counted from one as well.
                name = SHARED_NAME
            yield _Place(environment, service, region, name)


def _assigned(
    places: list[_Place], conditions: tuple[Condition, ...], rng: Random
) -> list[Condition]:
    assigned = [replace(HEALTHY, age=timedelta(hours=rng.randrange(1, 20))) for _ in places]
    free = [
        number
        for number, place in enumerate(places)
        if not place.service.hybrid and place.name != SHARED_NAME
    ]
    for condition in conditions:
        fitting = [n for n in free if condition.fits(places[n].service.platform)]
        number = rng.choice(fitting)
        free.remove(number)
        assigned[number] = condition
    return assigned


def _node(
    place: _Place,
    condition: Condition,
    baselines: tuple[Baseline, ...],
    now: datetime,
    rng: Random,
    account: str,
    number: int,
) -> Node:
    service = place.service
    baseline_id, baseline = judge(
        baselines,
        region=place.region,
        operating_system=service.platform.operating_system,
        patch_group=service.patch_group,
    )
    run = last_run(
        condition,
        platform=service.platform,
        baseline_id=baseline_id,
        baseline=baseline,
        patch_group=service.patch_group,
        now=now,
        rng=rng,
    )
    tags = {
        "Name": condition.name or place.name,
        "Environment": place.environment,
        "Owner": service.owner,
    }
    if service.patch_group:
        tags["Patch Group"] = service.patch_group
    silent = condition.connection_lost or condition.state != "running"
    prefix = "mi-0" if service.hybrid else "i-0"
    ip_address = f"10.{10 if place.region == EU else 20}.{number // 200}.{number % 200 + 10}"
    return Node(
        instance_id=f"{prefix}{rng.getrandbits(64):016x}",
        account=account,
        region=place.region,
        platform=service.platform,
        tags=tags,
        last_ping=_last_ping(condition, now, rng) if silent else now - _minutes(rng, 5),
        computer_name=_computer_name(service.platform, ip_address, place.region, rng),
        ip_address=ip_address,
        instance_type=service.instance_type,
        state="" if service.hybrid else condition.state,
        connection_lost=condition.connection_lost,
        run=run,
    )


def _last_ping(condition: Condition, now: datetime, rng: Random) -> datetime:
    return now - (condition.age or _DAY) + _minutes(rng, 50)


def _minutes(rng: Random, most: int) -> timedelta:
    return timedelta(seconds=rng.randrange(most * 60))


def _computer_name(platform: Platform, ip_address: str, region: str, rng: Random) -> str:
    if platform.is_windows:
        return f"EC2AMAZ-{rng.getrandbits(28):07X}"
    return f"ip-{ip_address.replace('.', '-')}.{region}.compute.internal"
