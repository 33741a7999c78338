"""How a request is told from its bytes, and how AWS words and shapes its errors per protocol.

Systems Manager speaks JSON 1.1, STS the query protocol, EC2 its own XML; each has its own codes
for the same trouble ("Error codes for the Amazon EC2 API", "Common errors" of the SSM and STS API
references).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from moto.iam.models import get_account_id_from, iam_backends

from bot.demo.aws.calls import Call

JSON_TYPE = "application/x-amz-json-1.1"
XML_TYPE = "text/xml;charset=UTF-8"
REQUEST_ID = "00000000-0000-4000-8000-000000000000"

_CREDENTIAL = re.compile(r"Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/")


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP answer."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = (
        ("Content-Type", JSON_TYPE),
        ("x-amzn-RequestId", REQUEST_ID),
    )


def read_call(environ: Mapping[str, Any]) -> Call | None:
    """The AWS call in a WSGI request; None when it carries no Signature Version 4 header."""
    credential = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    if credential is None:
        return None
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if credential["service"] == "s3":
        operation, parameters = _of_s3(environ), {"Path": environ.get("PATH_INFO", "")}
    elif target:
        operation, parameters = target.rsplit(".", 1)[-1], _json_members(body)
    else:
        parameters = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        operation = parameters.get("Action", "")
    return Call(
        service=credential["service"],
        operation=operation,
        account=get_account_id_from(credential["key"]),
        region=credential["region"],
        access_key=credential["key"],
        parameters=parameters,
        body=body,
    )


def _of_s3(environ: Mapping[str, Any]) -> str:
    """S3 names no operation: the method and the depth of the path tell those that patchbot uses."""
    method, path = str(environ["REQUEST_METHOD"]), environ.get("PATH_INFO", "").strip("/")
    names = {
        "PUT": "PutObject" if "/" in path else "CreateBucket",
        "GET": "GetObject" if "/" in path else "ListObjectsV2",
    }
    return names.get(method, method)


def _json_members(body: bytes) -> dict[str, Any]:
    try:
        members = json.loads(body or b"{}")
    except ValueError:
        return {}
    return members if isinstance(members, dict) else {}


def caller_arn(call: Call) -> str:
    """Who signed the call: the assumed role's session, else the demo's own user."""
    for partition in list(iam_backends[call.account].values()):
        key = partition.access_keys.get(call.access_key)
        if key is not None and key.role_arn:
            role = key.role_arn.rsplit("/", 1)[-1]
            return f"arn:aws:sts::{call.account}:assumed-role/{role}/session"
    return f"arn:aws:sts::{call.account}:user/moto"


def error(call: Call, code: str, message: str, *, status: int = 400) -> Answer:
    """An error in the protocol of the call's service."""
    if call.service == "ec2":
        text = (
            f"<Response><Errors><Error><Code>{escape(code)}</Code>"
            f"<Message>{escape(message)}</Message></Error></Errors>"
            f"<RequestID>{REQUEST_ID}</RequestID></Response>"
        )
        return Answer(status, text.encode(), (("Content-Type", XML_TYPE),))
    if not call.speaks_json:
        kind = "Receiver" if status >= 500 else "Sender"
        text = (
            f"<ErrorResponse><Error><Type>{kind}</Type><Code>{escape(code)}</Code>"
            f"<Message>{escape(message)}</Message></Error>"
            f"<RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"
        )
        return Answer(status, text.encode(), (("Content-Type", XML_TYPE),))
    # AccessDeniedException is the one that writes Message with a capital.
    member = "Message" if code == "AccessDeniedException" else "message"
    return Answer(status, json.dumps({"__type": code, member: message}).encode())


def access_denied(call: Call) -> Answer:
    """What a caller without the permission gets, in IAM's wording."""
    action = f"{call.service}:{call.operation}"
    who = f"User: {caller_arn(call)} is not authorized to perform: {action}"
    why = f"because no identity-based policy allows the {action} action"
    if call.service == "ec2":
        message = f"You are not authorized to perform this operation. {who} {why}"
        return error(call, "UnauthorizedOperation", message, status=403)
    if call.service == "sts":
        resource = call.parameters.get("RoleArn", "*")
        return error(call, "AccessDenied", f"{who} on resource: {resource}", status=403)
    resource = f"arn:aws:{call.service}:{call.region}:{call.account}:*"
    return error(call, "AccessDeniedException", f"{who} on resource: {resource} {why}")


def throttled(call: Call) -> Answer:
    """What a caller above the rate gets."""
    if call.service == "ec2":
        return error(call, "RequestLimitExceeded", "Request limit exceeded.", status=503)
    code = "ThrottlingException" if call.speaks_json else "Throttling"
    return error(call, code, "Rate exceeded")


def server_error(call: Call, status: int) -> Answer:
    """A failure on the service's own side (500, 502, 503 or 504)."""
    if status == 503:
        return error(call, "ServiceUnavailable", "Service is unavailable.", status=status)
    code = "InternalServerError" if call.speaks_json else "InternalFailure"
    code = "InternalError" if call.service == "ec2" else code
    return error(call, code, "An internal error has occurred.", status=status)
