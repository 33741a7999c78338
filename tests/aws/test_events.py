"""The queue of events over HTTP: what is received, what comes again, what is denied."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from bot.aws.events import EventQueue
from bot.core.environments import Account
from bot.core.errors import AccessDenied, AwsError, Unreachable
from bot.demo.aws.event_bus import DEAD_LETTERS, QUEUE, create_queue
from bot.demo.aws.server import SimulatedAws
from bot.services.doctor import Outcome
from bot.services.queue_checks import check

REGION = "eu-central-1"
URL = f"https://sqs.{REGION}.amazonaws.com/123456789012/{QUEUE}"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedAws]:
    with SimulatedAws() as found:
        for name, value in found.credentials_environment().items():
            monkeypatch.setenv(name, value)
        yield found


@pytest.fixture
def sqs(aws: SimulatedAws) -> Any:
    client = aws.client("sqs", REGION)
    create_queue(client)
    return client


def queue(**more: Any) -> EventQueue:
    return EventQueue(URL, wait_seconds=0, **more)


def test_messages_are_received_in_tens_and_gone_once_they_are_done(sqs: Any) -> None:
    for number in range(12):
        sqs.send_message(QueueUrl=URL, MessageBody=f"m{number}")
    events = queue()
    first, second = events.receive(), events.receive()
    assert [len(first), len(second)] == [10, 2]
    assert {one.body for one in (*first, *second)} == {f"m{number}" for number in range(12)}
    assert all(one.receives == 1 for one in first)
    assert events.done((*first, *second)) == 0
    attributes = events.attributes()
    assert attributes["ApproximateNumberOfMessages"] == "0"
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "0"
    events.close()


def test_what_is_not_done_comes_again_and_ends_among_the_dead_letters(sqs: Any) -> None:
    redrive = {
        "deadLetterTargetArn": f"arn:aws:sqs:{REGION}:123456789012:{DEAD_LETTERS}",
        "maxReceiveCount": 2,
    }
    sqs.set_queue_attributes(QueueUrl=URL, Attributes={"RedrivePolicy": json.dumps(redrive)})
    sqs.send_message(QueueUrl=URL, MessageBody="{")
    events = queue(visibility_seconds=0)
    assert [one.receives for one in events.receive()] == [1]
    assert [one.receives for one in events.receive()] == [2]
    assert events.receive() == ()
    (dead,) = sqs.receive_message(QueueUrl=URL.replace(QUEUE, DEAD_LETTERS))["Messages"]
    assert dead["Body"] == "{"
    events.close()


def test_a_receipt_that_is_no_good_any_more_is_counted(sqs: Any) -> None:
    sqs.send_message(QueueUrl=URL, MessageBody="m")
    events = queue()
    (one,) = events.receive()
    stale = type(one)(one.id, "stale", one.body, 1)
    assert events.done([stale, one]) == 1
    events.close()


def test_a_queue_that_is_not_there_says_what_to_do(aws: SimulatedAws) -> None:
    events = queue()
    with pytest.raises(
        AwsError, match="There is no queue 123456789012/eu-central-1/patchbot-events"
    ) as found:
        events.receive()
    assert "queue_url" in found.value.hint
    events.close()


def test_a_missing_right_is_named(aws: SimulatedAws, sqs: Any) -> None:
    aws.faults.deny("ReceiveMessage")
    aws.faults.deny("DeleteMessageBatch")
    events = queue()
    with pytest.raises(AccessDenied, match="sqs:ReceiveMessage"):
        events.receive()
    with pytest.raises(AccessDenied, match="sqs:DeleteMessage is"):
        events.try_delete()
    events.close()


def test_a_lost_connection_is_no_crash(aws: SimulatedAws, sqs: Any) -> None:
    aws.faults.reset_connection("ReceiveMessage")
    events = queue()
    with pytest.raises(Unreachable):
        events.receive()
    assert events.receive() == ()
    events.close()


def test_a_queue_of_an_account_with_a_role_is_read_with_it(aws: SimulatedAws) -> None:
    other = "210987654321"
    create_queue(aws.client("sqs", REGION, account=other))
    reader = Account(other, role="PatchBotReader")
    events = EventQueue(URL.replace("123456789012", other), accounts=[reader], wait_seconds=0)
    assert events.receive() == ()
    (call,) = aws.calls.matching("ReceiveMessage")
    assert call.account == other
    events.close()


def test_the_doctor_looks_at_a_queue_without_taking_anything(aws: SimulatedAws, sqs: Any) -> None:
    assert {one.outcome for one in check(queue())} == {Outcome.OK}
    sqs.send_message(QueueUrl=URL, MessageBody="m")
    aws.calls.clear()
    told = {one.subject: one for one in check(queue())}
    assert told["queue"].detail == "1 message waiting"
    assert aws.calls.count("ReceiveMessage") == 0


def test_the_doctor_says_what_is_missing(aws: SimulatedAws) -> None:
    sqs = aws.client("sqs", REGION)
    sqs.create_queue(QueueName=QUEUE)
    told = {one.subject: one for one in check(queue())}
    assert told["rule"].outcome is Outcome.FAILED
    assert told["dead letters"].outcome is Outcome.WARNING
    open_to_all = {
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": "*",
        }
    }
    sqs.set_queue_attributes(QueueUrl=URL, Attributes={"Policy": json.dumps(open_to_all)})
    told = {one.subject: one for one in check(queue())}
    assert told["rule"].outcome is Outcome.WARNING
    aws.faults.deny("GetQueueAttributes")
    told = {one.subject: one for one in check(queue())}
    assert told["sqs:GetQueueAttributes"].outcome is Outcome.FAILED
    assert told["sqs:DeleteMessage"].outcome is Outcome.OK


def test_a_url_of_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="no URL of a queue"):
        EventQueue("https://example.com/123456789012/queue")
