"""Brings a fleet into the simulated AWS: through its doors, or straight into its state."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import Any

from moto.ec2.models import ec2_backends
from moto.ec2.models import instances as moto_instances
from moto.ssm.models import FakePatchBaseline

from bot.demo.aws.operations import baselines
from bot.demo.aws.server import SimulatedAws
from bot.demo.aws.state import InventoryItem, region_state
from bot.demo.fleet.model import Baseline, Fleet, Node
from bot.demo.fleet.reports import inventory_items

# Images that moto ships; only whether it is Windows matters.
_LINUX_IMAGE, _WINDOWS_IMAGE = "ami-04681a1dbd79675a5", "ami-b7e93bce"


def seed(aws: SimulatedAws, fleet: Fleet) -> None:
    """`bring_in` the fleet, and start with an empty call log."""
    bring_in(aws, fleet)
    aws.calls.clear()


def bring_in(aws: SimulatedAws, fleet: Fleet) -> None:
    """Launch, tag, stop and terminate the nodes, create the baselines, upload the inventories.

    All over HTTP by the calls that a customer and an agent make; the ids are the fleet's own.
    A second fleet may be brought in while the first is being read.
    """
    places = {(node.account, node.region) for node in fleet.nodes}
    places |= {(baseline.account, baseline.region) for baseline in fleet.baselines}
    for account, region in sorted(places):
        ssm = aws.client("ssm", region, account=account)
        ec2 = aws.client("ec2", region, account=account)
        here = [n for n in fleet.nodes if (n.account, n.region) == (account, region)]
        own = [b for b in fleet.baselines if (b.account, b.region) == (account, region)]
        _create_baselines(ssm, own)
        _launch(ec2, [node for node in here if not node.is_hybrid])
        for node in here:
            report(ssm, node)
        _switch_off(ec2, here)


def report(ssm: Any, node: Node) -> None:
    """Upload a node's inventory through a boto3 client; tag it when it is a hybrid one."""
    ssm.put_inventory(InstanceId=node.instance_id, Items=inventory_items(node))
    if node.is_hybrid:
        tags = [{"Key": key, "Value": value} for key, value in node.tags.items()]
        ssm.add_tags_to_resource(
            ResourceType="ManagedInstance", ResourceId=node.instance_id, Tags=tags
        )


def seed_directly(fleet: Fleet) -> None:
    """Write a large fleet straight into the state of the simulated AWS running in this process.

    The nodes have EC2 tags, but no EC2 instance: they all count as running.
    """
    known: dict[int, list[dict[str, str]]] = {}
    for node in fleet.nodes:
        region = region_state(node.account, node.region)
        for item in inventory_items(node, known=known):
            region.store(node.instance_id, _stored(item))
        ec2_backends[node.account][node.region].create_tags([node.instance_id], dict(node.tags))
    for baseline in fleet.baselines:
        _create_directly(baseline)


def _create_baselines(ssm: Any, own: Iterable[Baseline]) -> None:
    for baseline in own:
        with _next_ids(FakePatchBaseline, "generate_id", [baseline.baseline_id]):
            ssm.create_patch_baseline(**_baseline_request(baseline))
        for group in baseline.patch_groups:
            ssm.register_patch_baseline_for_patch_group(
                BaselineId=baseline.baseline_id, PatchGroup=group
            )


def _baseline_request(baseline: Baseline) -> dict[str, Any]:
    windows = baseline.operating_system == "WINDOWS"
    severity = {"WINDOWS": "MSRC_SEVERITY", "UBUNTU": "PRIORITY"}
    rules = [
        {
            "PatchFilterGroup": {
                "PatchFilters": [
                    {"Key": key, "Values": list(values)}
                    for key, values in (
                        ("CLASSIFICATION", rule.classifications),
                        (severity.get(baseline.operating_system, "SEVERITY"), rule.severities),
                    )
                    if values
                ]
            },
            "ComplianceLevel": rule.level,
            "ApproveAfterDays": rule.after_days,
        }
        for rule in baseline.rules
    ]
    available = "COMPLIANT" if baseline.available_updates_are_compliant else "NON_COMPLIANT"
    return {
        "Name": baseline.name,
        "OperatingSystem": baseline.operating_system,
        "Description": baseline.description,
        "ApprovalRules": {"PatchRules": rules},
        "RejectedPatches": list(baseline.rejected),
        "RejectedPatchesAction": "BLOCK",
    } | ({"AvailableSecurityUpdatesComplianceStatus": available} if windows else {})


def _create_directly(baseline: Baseline) -> None:
    region = region_state(baseline.account, baseline.region)
    with _next_ids(FakePatchBaseline, "generate_id", [baseline.baseline_id]):
        baselines.create_patch_baseline(region, _baseline_request(baseline))
    for group in baseline.patch_groups:
        baselines.register_patch_baseline_for_patch_group(
            region, {"BaselineId": baseline.baseline_id, "PatchGroup": group}
        )


def _launch(ec2: Any, nodes: list[Node]) -> None:
    def kind(node: Node) -> tuple[bool, str, list[tuple[str, str]]]:
        shared = sorted(pair for pair in node.tags.items() if pair[0] != "Name")
        return node.platform.is_windows, node.instance_type, shared

    for (windows, instance_type, tags), group in groupby(sorted(nodes, key=kind), key=kind):
        alike = list(group)
        ids = [node.instance_id for node in alike]
        with _next_ids(moto_instances, "random_instance_id", ids):
            ec2.run_instances(
                ImageId=_WINDOWS_IMAGE if windows else _LINUX_IMAGE,
                InstanceType=instance_type,
                MinCount=len(ids),
                MaxCount=len(ids),
                TagSpecifications=[
                    {
                        "ResourceType": "instance",
                        "Tags": [{"Key": key, "Value": value} for key, value in tags],
                    }
                ],
            )
        for node in alike:
            ec2.create_tags(
                Resources=[node.instance_id], Tags=[{"Key": "Name", "Value": node.name}]
            )


def _switch_off(ec2: Any, nodes: list[Node]) -> None:
    stopped = [node.instance_id for node in nodes if node.state == "stopped"]
    terminated = [node.instance_id for node in nodes if node.state == "terminated"]
    if stopped:
        ec2.stop_instances(InstanceIds=stopped)
    if terminated:
        ec2.terminate_instances(InstanceIds=terminated)


@contextmanager
def _next_ids(owner: Any, generator: str, ids: Iterable[str]) -> Iterator[None]:
    """Make a generator of moto's hand out these ids: moto runs in this process."""
    original = owner.__dict__[generator]
    source = iter(ids)
    setattr(owner, generator, staticmethod(lambda: next(source)))
    try:
        yield
    finally:
        setattr(owner, generator, original)


def _stored(item: dict[str, Any]) -> InventoryItem:
    return InventoryItem(
        type_name=item["TypeName"],
        schema_version=item["SchemaVersion"],
        capture_time=item["CaptureTime"],
        content_hash="",
        content=tuple(item["Content"]),
        context=item.get("Context", {}),
    )
