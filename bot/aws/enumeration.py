"""Which managed nodes exist in a target, and which of them bear a tag."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bot.aws.calls import Call, Steps
from bot.aws.failures import briefly
from bot.aws.pages import pages
from bot.core.errors import AccessDenied, AwsError, Throttled, Unreachable

EachPage = Callable[[list[Mapping[str, Any]]], None]

# A page of properties holds twenty times as many nodes, names and stopped nodes too; it is "used by the console".
PROPERTIES = Call("ssm", "DescribeInstanceProperties", {"MaxResults": 1000})
INFORMATION = Call("ssm", "DescribeInstanceInformation", {"MaxResults": 50})


def enumerate_nodes(each: EachPage) -> Steps[str]:
    """Give every page of nodes to `each`. Returns why it had to make do with DescribeInstanceInformation, if so.

    That one leaves stopped nodes out and has no names of EC2 instances. Raises AwsError when neither can be read.
    """
    started = False

    def noting(rows: list[Mapping[str, Any]]) -> None:
        nonlocal started
        started = True
        each(rows)

    try:
        yield from pages(PROPERTIES, "InstanceProperties", noting)
    except (Throttled, Unreachable):
        raise
    except AwsError as refusal:
        if started or refusal.operation == "sts:AssumeRole":
            raise
        try:
            yield from pages(INFORMATION, "InstanceInformationList", each)
        except AccessDenied as other:
            if isinstance(refusal, AccessDenied):
                other.hint = f"{refusal.hint} {other.hint}"
            raise
        return briefly(refusal)
    return ""


def tagged_nodes(tags: Mapping[str, tuple[str, ...]]) -> Steps[set[str]]:
    """The ids of the nodes that bear all these tags, as Systems Manager knows them; hybrid ones too, stopped ones not.

    "tag:" filters of DescribeInstanceInformation: they cannot be mixed with others, several must all match.
    """
    found: set[str] = set()

    def each(rows: list[Mapping[str, Any]]) -> None:
        found.update(row["InstanceId"] for row in rows if row.get("InstanceId"))

    filters = [{"Key": f"tag:{key}", "Values": list(values)} for key, values in tags.items()]
    call = Call("ssm", "DescribeInstanceInformation", {"MaxResults": 50, "Filters": filters})
    yield from pages(call, "InstanceInformationList", each)
    return found
