"""The fleet's own patch baselines, and which baseline judges a node."""

from random import Random

from bot.demo.aws.predefined_baselines import default_arns
from bot.demo.fleet.model import Baseline, Rule

_RPM_RULES = (
    Rule("CRITICAL", 0, ("Security",), ("Critical", "Important")),
    Rule("MEDIUM", 7, ("Security",)),
    Rule("LOW", 14, ("Bugfix",)),
)
_UBUNTU_RULES = (
    Rule("CRITICAL", 0, (), ("Required", "Important")),
    Rule("MEDIUM", 7),
)
_WINDOWS_RULES = (
    Rule("CRITICAL", 3, ("SecurityUpdates",), ("Critical",)),
    Rule("HIGH", 7, ("SecurityUpdates", "CriticalUpdates")),
)


def own_baselines(account: str, region: str, rng: Random) -> tuple[Baseline, ...]:
    """The three own baselines of a Region; their ids come from `rng`."""
    prod = ("prod-app", "prod-data")
    return (
        Baseline(_id(rng), account, region, "prod-amazon-linux-2023", "AMAZON_LINUX_2023",
                 "Production, security first", _RPM_RULES, prod, rejected=("telnet",)),
        Baseline(_id(rng), account, region, "prod-ubuntu", "UBUNTU",
                 "Production, by priority", _UBUNTU_RULES, prod),
        Baseline(_id(rng), account, region, "prod-windows", "WINDOWS",
                 "Production; what is out and not approved yet counts", _WINDOWS_RULES,
                 ("prod-windows",), available_updates_are_compliant=False),
    )  # fmt: skip


def judge(
    baselines: tuple[Baseline, ...], *, region: str, operating_system: str, patch_group: str
) -> tuple[str, Baseline | None]:
    """The baseline of a node: its id and, when it is an own one, the baseline; else AWS's ARN."""
    for baseline in baselines:
        if (
            baseline.region == region
            and baseline.operating_system == operating_system
            and patch_group in baseline.patch_groups
        ):
            return baseline.baseline_id, baseline
    return default_arns(region)[operating_system], None


def _id(rng: Random) -> str:
    return f"pb-0{rng.getrandbits(64):016x}"
