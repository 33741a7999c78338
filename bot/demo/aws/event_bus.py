"""The default event bus as far as Systems Manager writes to it, with a rule to a queue wherever there is such a queue.

Envelopes are shaped as in "Amazon EventBridge event examples for Systems Manager" (Systems Manager User Guide). What
EventBridge promises is little: events may be copied, and come in any order. Both can be asked for.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from threading import Lock
from typing import Any
from uuid import uuid4

from moto.sqs.models import sqs_backends

from bot.demo.aws.run_command.behaviour import ComplianceChange, StatusChange
from bot.demo.aws.state import as_text

QUEUE = "patchbot-events"
DEAD_LETTERS = "patchbot-events-dead"


@dataclass(slots=True)
class EventBus:
    """Delivers events to the queue `patchbot-events` of their account and Region; without one they are gone.

    `copies` is how often each is delivered. While `holding` they pile up, until `release`.
    """

    copies: int = 1
    holding: bool = False
    _held: list[tuple[str, str, str]] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def status_changed(self, change: StatusChange) -> None:
        """A command, or one of its invocations, has another status. Parameters stand only in the former's event."""
        detail: dict[str, Any] = {
            "command-id": change.command_id,
            "document-name": change.document_name,
            "requested-date-time": as_text(change.requested_at),
            "status": change.status,
        }
        if change.instance_id:
            kind = "EC2 Command Invocation Status-change Notification"
            detail["instance-id"] = change.instance_id
        else:
            kind = "EC2 Command Status-change Notification"
            detail["expire-after"] = as_text(change.expires_after)
            # A text, as AWS's own code takes it, and not the object of AWS's example.
            detail["parameters"] = json.dumps({k: list(v) for k, v in change.parameters.items()})
        self._send(change.account, change.region, kind, detail, change.at)

    def compliance_changed(self, change: ComplianceChange) -> None:
        """A node became compliant or non-compliant."""
        detail = {
            "last-runtime": as_text(change.at),
            "compliance-status": "compliant" if change.compliant else "non_compliant",
            "resource-type": "managed-instance",
            "resource-id": change.instance_id,
            "compliance-type": "Patch",
            "patch-baseline-id": change.baseline_id,
            "severity": change.severity,
        }
        kind = "Configuration Compliance State Change"
        self._send(change.account, change.region, kind, detail, change.at)

    def window_ended(
        self, account: str, region: str, *, window_id: str, status: str, at: datetime
    ) -> None:
        """An execution of a maintenance window ended (SUCCESS, FAILED, TIMED_OUT)."""
        detail = {
            "start-time": as_text(at),
            "end-time": as_text(at),
            "window-id": window_id,
            "window-execution-id": str(uuid4()),
            "status": status,
        }
        kind = "Maintenance Window Execution State-change Notification"
        self._send(account, region, kind, detail, at)

    def release(self, random: Random | None = None) -> None:
        """Deliver what was held, with `random` in another order."""
        with self._lock:
            self.holding, held, self._held = False, self._held, []
        if random is not None:
            random.shuffle(held)
        for account, region, body in held:
            _deliver(account, region, body)

    def _send(
        self, account: str, region: str, kind: str, detail: dict[str, Any], at: datetime
    ) -> None:
        envelope = {
            "version": "0",
            "id": str(uuid4()),
            "detail-type": kind,
            "source": "aws.ssm",
            "account": account,
            "time": as_text(at),
            "region": region,
            "resources": [],
            "detail": detail,
        }
        for _ in range(self.copies):
            body = json.dumps(envelope)
            with self._lock:
                if self.holding:
                    self._held.append((account, region, body))
                    continue
            _deliver(account, region, body)


def _deliver(account: str, region: str, body: str) -> None:
    backend = sqs_backends[account][region]
    if QUEUE in backend.queues:
        backend.send_message(QUEUE, body)


def create_queue(sqs: Any) -> str:
    """The queue with its dead letters, as deploy/events.yaml makes it. `sqs` is a boto3 client; returns the URL."""
    dead = sqs.create_queue(QueueName=DEAD_LETTERS)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    rule = arn.replace(":sqs:", ":events:").replace(DEAD_LETTERS, "rule/patchbot-events-*")
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "OnlyOurRules",
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn.replace(DEAD_LETTERS, QUEUE),
                "Condition": {"ArnLike": {"aws:SourceArn": rule}},
            }
        ],
    }
    attributes = {
        "Policy": json.dumps(policy),
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 10}),
        "SqsManagedSseEnabled": "true",
    }
    return str(sqs.create_queue(QueueName=QUEUE, Attributes=attributes)["QueueUrl"])
