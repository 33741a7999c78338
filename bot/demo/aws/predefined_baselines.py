"""AWS's predefined patch baselines: their ARNs per Region (as moto carries them) and their rules.

The rules follow "About predefined baselines" (Systems Manager User Guide): security updates of the
higher grades after seven days, bug fixes with them on Amazon Linux and RHEL; the compliance level
of every rule is UNSPECIFIED.
"""

from functools import cache
from typing import Any

from moto.ssm.models import FakePatchGroup

_RPM = [
    {"CLASSIFICATION": ["Security"], "SEVERITY": ["Critical", "Important"]},
    {"CLASSIFICATION": ["Bugfix"]},
]
_NAMES: dict[str, tuple[str, list[dict[str, list[str]]]]] = {
    "AMAZON_LINUX": ("AWS-AmazonLinuxDefaultPatchBaseline", _RPM),
    "AMAZON_LINUX_2": ("AWS-AmazonLinux2DefaultPatchBaseline", _RPM),
    "AMAZON_LINUX_2022": ("AWS-AmazonLinux2022DefaultPatchBaseline", _RPM),
    "AMAZON_LINUX_2023": ("AWS-AmazonLinux2023DefaultPatchBaseline", _RPM),
    "REDHAT_ENTERPRISE_LINUX": ("AWS-RedHatDefaultPatchBaseline", _RPM),
    "ROCKY_LINUX": ("AWS-DefaultRockyLinuxPatchBaseline", _RPM),
    "ALMA_LINUX": ("AWS-DefaultAlmaLinuxPatchBaseline", _RPM),
    "ORACLE_LINUX": ("AWS-OracleLinuxDefaultPatchBaseline", _RPM),
    "CENTOS": ("AWS-CentOSDefaultPatchBaseline", [{}]),
    "SUSE": (
        "AWS-SuseDefaultPatchBaseline",
        [{"CLASSIFICATION": ["Security"], "SEVERITY": ["Critical", "Important"]}],
    ),
    "UBUNTU": (
        "AWS-UbuntuDefaultPatchBaseline",
        [{"PRIORITY": ["Required", "Important", "Standard", "Optional", "Extra"]}],
    ),
    "DEBIAN": (
        "AWS-DebianDefaultPatchBaseline",
        [{"PRIORITY": ["Required", "Important", "Standard", "Optional", "Extra"]}],
    ),
    "RASPBIAN": (
        "AWS-DefaultRaspbianPatchBaseline",
        [{"PRIORITY": ["Required", "Important", "Standard", "Optional", "Extra"]}],
    ),
    "MACOS": ("AWS-MacOSDefaultPatchBaseline", [{"CLASSIFICATION": ["Security"]}]),
    "WINDOWS": (
        "AWS-DefaultPatchBaseline",
        [
            {
                "PRODUCT_FAMILY": ["Windows"],
                "CLASSIFICATION": ["CriticalUpdates", "SecurityUpdates"],
                "MSRC_SEVERITY": ["Critical", "Important"],
            }
        ],
    ),
}
# Debian's family is approved at once: its repositories carry no dates to count from.
_WITHOUT_DELAY = ("UBUNTU", "DEBIAN", "RASPBIAN", "CENTOS")


@cache
def default_arns(region: str) -> dict[str, str]:
    """The ARN of the default baseline per operating system in a Region."""
    return dict(FakePatchGroup("default", region).associations)


def predefined_baseline(arn: str, operating_system: str) -> dict[str, Any]:
    """What GetPatchBaseline says of one of AWS's baselines."""
    name, rules = _NAMES[operating_system]
    days = 0 if operating_system in _WITHOUT_DELAY else 7
    return {
        "BaselineId": arn,
        "Name": name,
        "OperatingSystem": operating_system,
        "GlobalFilters": {"PatchFilters": []},
        "ApprovalRules": {"PatchRules": [_rule(operating_system, rule, days) for rule in rules]},
        "ApprovedPatches": [],
        "ApprovedPatchesComplianceLevel": "UNSPECIFIED",
        "ApprovedPatchesEnableNonSecurity": False,
        "RejectedPatches": [],
        "RejectedPatchesAction": "ALLOW_AS_DEPENDENCY",
        "PatchGroups": [],
        "Description": f"Default Patch Baseline for {operating_system} Provided by AWS.",
        "Sources": [],
    }


def _rule(operating_system: str, filters: dict[str, list[str]], days: int) -> dict[str, Any]:
    first = {} if "PRODUCT_FAMILY" in filters else {"PRODUCT": ["*"]}
    return {
        "PatchFilterGroup": {
            "PatchFilters": [
                {"Key": key, "Values": values} for key, values in {**first, **filters}.items()
            ]
        },
        "ComplianceLevel": "UNSPECIFIED",
        "ApproveAfterDays": days,
        "EnableNonSecurity": operating_system == "CENTOS",
    }
