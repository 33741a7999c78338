"""Patch baselines and patch groups, through boto3 over HTTP."""

from typing import Any

import pytest

from bot.demo.aws.server import SimulatedAws
from bot.demo.fleet.demo import EU, US
from bot.demo.fleet.model import Fleet
from tests.demo.aws.conftest import everything, refusal


def test_an_own_baseline_comes_back_whole(eu: Any, fleet: Fleet) -> None:
    """With its rules and levels, its groups and the Windows switch that moto forgets."""
    windows = next(b for b in fleet.baselines if (b.region, b.operating_system) == (EU, "WINDOWS"))
    answer = eu.get_patch_baseline(BaselineId=windows.baseline_id)
    assert answer["Name"] == windows.name
    assert answer["OperatingSystem"] == "WINDOWS"
    assert answer["PatchGroups"] == ["prod-windows"]
    assert answer["AvailableSecurityUpdatesComplianceStatus"] == "NON_COMPLIANT"
    rules = answer["ApprovalRules"]["PatchRules"]
    assert [(rule["ComplianceLevel"], rule["ApproveAfterDays"]) for rule in rules] == [
        ("CRITICAL", 3),
        ("HIGH", 7),
    ]
    linux = next(
        b for b in fleet.baselines if (b.region, b.operating_system) == (EU, "AMAZON_LINUX_2023")
    )
    answer = eu.get_patch_baseline(BaselineId=linux.baseline_id)
    assert answer["RejectedPatches"] == ["telnet"]
    assert answer["PatchGroups"] == ["prod-app", "prod-data"]
    assert "AvailableSecurityUpdatesComplianceStatus" not in answer


@pytest.mark.parametrize("system", ["AMAZON_LINUX_2", "UBUNTU", "WINDOWS", "MACOS"])
def test_a_default_baseline_is_aws_own_of_the_region(ssm: Any, system: str) -> None:
    """Its id is an ARN there, and its rules carry no compliance level."""
    arn = ssm.get_default_patch_baseline(OperatingSystem=system)["BaselineId"]
    assert arn.startswith(f"arn:aws:ssm:{EU}:")
    for baseline_id in (arn, arn.rsplit("/", 1)[-1]):
        answer = ssm.get_patch_baseline(BaselineId=baseline_id)
        assert answer["BaselineId"] == arn
        assert answer["Name"].startswith("AWS-")
        assert answer["OperatingSystem"] == system
        levels = {rule["ComplianceLevel"] for rule in answer["ApprovalRules"]["PatchRules"]}
        assert levels == {"UNSPECIFIED"}


def test_without_an_operating_system_it_is_windows(ssm: Any) -> None:
    """The API's own default, a trap on a Linux fleet."""
    assert ssm.get_default_patch_baseline()["OperatingSystem"] == "WINDOWS"
    answer = ssm.get_patch_baseline_for_patch_group(PatchGroup="web")
    assert answer["BaselineId"] == ssm.get_default_patch_baseline()["BaselineId"]


def test_a_baseline_of_elsewhere_does_not_exist(aws: SimulatedAws, ssm: Any) -> None:
    """Neither another Region's ARN nor an unknown id nor something that is no id."""
    other = aws.client("ssm", US).get_default_patch_baseline()["BaselineId"]
    for baseline_id, code in (
        (other, "DoesNotExistException"),
        ("pb-0123456789abcdef0", "DoesNotExistException"),
        ("baseline-of-production", "InvalidResourceId"),
    ):
        assert refusal(ssm.get_patch_baseline, BaselineId=baseline_id)[0] == code


def test_a_patch_group_has_a_baseline_per_operating_system(eu: Any, fleet: Fleet) -> None:
    """Registered groups are listed, one row each; others fall back to AWS's default."""
    rows = everything(eu, "describe_patch_groups", "Mappings")
    assert [
        (row["PatchGroup"], row["BaselineIdentity"]["OperatingSystem"]) for row in rows
    ] == sorted(
        (group, baseline.operating_system)
        for baseline in fleet.baselines
        if baseline.region == EU
        for group in baseline.patch_groups
    )
    for row in rows:
        identity = row["BaselineIdentity"]
        answer = eu.get_patch_baseline_for_patch_group(
            PatchGroup=row["PatchGroup"], OperatingSystem=identity["OperatingSystem"]
        )
        assert answer["BaselineId"] == identity["BaselineId"]
    only = [{"Key": "NAME_PREFIX", "Values": ["prod-w"]}]
    assert [row["PatchGroup"] for row in eu.describe_patch_groups(Filters=only)["Mappings"]] == [
        "prod-windows"
    ]


def test_a_second_baseline_for_the_same_group_and_system_is_refused(ssm: Any) -> None:
    """One judge per group and operating system; registering the same twice is fine."""
    first, second = (
        ssm.create_patch_baseline(Name=name, OperatingSystem="UBUNTU")["BaselineId"]
        for name in ("first", "second")
    )
    ssm.register_patch_baseline_for_patch_group(BaselineId=first, PatchGroup="web")
    ssm.register_patch_baseline_for_patch_group(BaselineId=first, PatchGroup="web")
    code, message = refusal(
        ssm.register_patch_baseline_for_patch_group, BaselineId=second, PatchGroup="web"
    )
    assert code == "AlreadyExistsException"
    assert "UBUNTU" in message
