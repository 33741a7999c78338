"""deploy/events.yaml: right as CloudFormation, and it delivers exactly what bot/core/events.py understands."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint_file
from cfnlint.decode import cfn_yaml
from moto.events.models import EventPattern

from bot.core.events import PATCH_DOCUMENTS, READERS
from bot.demo.aws.event_bus import QUEUE
from bot.documents import QUEUES, reader_policy
from tests.core import envelopes

TEMPLATE = Path(__file__).parents[1] / "deploy" / "events.yaml"


@pytest.fixture(scope="module")
def template() -> Mapping[str, Any]:
    found: Mapping[str, Any] = cfn_yaml.load(str(TEMPLATE))
    return found


def patterns(template: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Events::Rule":
            yield resource["Properties"]["EventPattern"]


def delivered(template: Mapping[str, Any], body: str) -> bool:
    """Whether one of the rules sends the event on, by moto's reading of patterns."""
    plain = json.loads(json.dumps(list(patterns(template))))
    return any(EventPattern(None, each).matches_event(json.loads(body)) for each in plain)


def test_the_linter_finds_nothing(tmp_path: Path) -> None:
    assert lint_file(TEMPLATE) == []
    broken = tmp_path / "events.yaml"
    broken.write_text(TEMPLATE.read_text().replace("maxReceiveCount", "maxReceivCount"))
    assert lint_file(broken) != []


def test_the_rules_match_the_types_that_are_understood(template: Mapping[str, Any]) -> None:
    types = [name for pattern in patterns(template) for name in pattern["detail-type"]]
    assert len(types) == len(set(types))
    assert set(types) == set(READERS)
    # Only AWS itself can write events of this source.
    assert all(pattern["source"] == ["aws.ssm"] for pattern in patterns(template))


def test_every_event_that_raises_an_alert_is_delivered(template: Mapping[str, Any]) -> None:
    ours = [
        envelopes.compliance(),
        envelopes.window(),
        envelopes.invocation(),
        *(envelopes.command(document=document) for document in sorted(PATCH_DOCUMENTS)),
    ]
    assert all(delivered(template, body) for body in ours)


def test_what_nobody_looks_at_costs_nothing(template: Mapping[str, Any]) -> None:
    foreign = [
        envelopes.envelope("EC2 Instance State-change Notification", {}),
        envelopes.command(document="AWS-RunShellScript"),
        envelopes.compliance(more={"compliance-type": "Association"}),
        envelopes.envelope("EC2 Command Status-change Notification", {}, source="com.example"),
    ]
    assert not any(delivered(template, body) for body in foreign)


def test_only_the_rules_may_send(template: Mapping[str, Any]) -> None:
    resources = template["Resources"]
    rules = {name for name, one in resources.items() if one["Type"] == "AWS::Events::Rule"}
    statements = resources["OnlyTheRules"]["Properties"]["PolicyDocument"]["Statement"]
    (allowed,) = [one for one in statements if one["Effect"] == "Allow"]
    arns = allowed["Condition"]["ArnEquals"]["aws:SourceArn"]
    assert {one["Fn::GetAtt"][0] for one in arns} == rules
    assert allowed["Action"] == "sqs:SendMessage"
    assert allowed["Principal"] == {"Service": "events.amazonaws.com"}
    for rule in rules:
        (target,) = resources[rule]["Properties"]["Targets"]
        assert target["Arn"]["Fn::GetAtt"][0] == "Queue"


def test_the_queue_has_dead_letters_and_is_encrypted(template: Mapping[str, Any]) -> None:
    queue = template["Resources"]["Queue"]["Properties"]
    assert queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0] == "DeadLetters"
    for name in ("Queue", "DeadLetters"):
        properties = template["Resources"][name]["Properties"]
        managed, own = properties["SqsManagedSseEnabled"], properties["KmsMasterKeyId"]
        assert managed["Fn::If"] == ["HasKey", {"Ref": "AWS::NoValue"}, True]
        assert own["Fn::If"] == ["HasKey", {"Ref": "KmsKeyArn"}, {"Ref": "AWS::NoValue"}]


def test_names_agree_between_template_policy_and_demo(template: Mapping[str, Any]) -> None:
    assert template["Parameters"]["QueueName"]["Default"] == QUEUE
    assert QUEUES.endswith(f":{QUEUE}")
    statements = json.loads(reader_policy())["Statement"]
    (listens,) = [one for one in statements if one["Sid"] == "PatchbotListens"]
    assert listens["Resource"] == QUEUES
    assert listens["Action"] == [
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
    ]
