"""No error of botocore's leaves the folder, and each says what was wrong and what to do."""

from __future__ import annotations

import inspect
from collections import defaultdict
from typing import Any

import botocore.exceptions
import pytest
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from bot.aws.failures import THROTTLES, briefly, explain, is_transient
from bot.core.environments import Account
from bot.core.errors import AccessDenied, AwsError, PatchbotError, Throttled, Unreachable

OWN, ROLE = Account(), Account(id="111122223333", role="PatchBotReader")


def explained(error: Exception, *, account: Account = OWN) -> AwsError:
    found = explain(
        error,
        service="ssm",
        operation="DescribeInstancePatchStates",
        account=account,
        region="eu-central-1",
    )
    assert isinstance(found, AwsError)
    return found


def refused(
    code: str, message: str = "", *, status: int = 400, operation: str = "X"
) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, operation)


def every_botocore_error() -> list[Exception]:
    """One of each class botocore.exceptions has."""
    made: list[Exception] = []
    for _, kind in inspect.getmembers(botocore.exceptions, inspect.isclass):
        if not issubclass(kind, Exception) or issubclass(kind, Warning):
            continue
        if kind.__module__ != "botocore.exceptions":
            continue
        template = getattr(kind, "fmt", "")
        if issubclass(kind, ClientError):
            made.append(kind({"Error": {"Code": "X"}}, "Operation"))
        elif template:
            values: Any = defaultdict(lambda: "something")
            template.format_map(values)
            named = inspect.signature(kind.__init__).parameters.values()
            values |= {p.name: "something" for p in named if p.default is p.empty and p.kind == 1}
            values.pop("self", None)
            made.append(kind(**values))
        else:
            made.append(kind("something"))
    return made


@pytest.mark.parametrize("error", every_botocore_error(), ids=lambda e: type(e).__name__)
def test_every_class_of_botocore_is_explained(error: Exception) -> None:
    """With a text that names the operation or the cause, and a code."""
    found = explained(error)
    assert found.message
    assert found.code
    assert found.operation == "ssm:DescribeInstancePatchStates"


def test_the_walk_found_the_tree() -> None:
    """Guards the test above against an empty list."""
    names = {type(error).__name__ for error in every_botocore_error()}
    assert {"NoCredentialsError", "EndpointConnectionError", "ReadTimeoutError"} <= names
    assert len(names) > 60


@pytest.mark.parametrize("code", sorted(THROTTLES))
def test_throttling_by_any_of_its_names(code: str) -> None:
    assert isinstance(explained(refused(code, "Rate exceeded")), Throttled)


def test_throttling_by_its_status() -> None:
    assert isinstance(explained(refused("Odd", status=429)), Throttled)


def test_access_denied_names_who_may_not_do_what() -> None:
    """In AWS's words the principal, in ours what to allow."""
    words = (
        "User: arn:aws:sts::111122223333:assumed-role/Reader/patchbot is not authorized to perform: "
        "ssm:DescribeInstancePatchStates on resource: arn:aws:ssm:eu-central-1:111122223333:*"
    )
    found = explained(refused("AccessDeniedException", words), account=ROLE)
    assert isinstance(found, AccessDenied)
    assert found.message == (
        "ssm:DescribeInstancePatchStates is not allowed in eu-central-1 for "
        "arn:aws:sts::111122223333:assumed-role/Reader/patchbot."
    )
    assert found.hint == "Allow ssm:DescribeInstancePatchStates for the role PatchBotReader."


def test_access_denied_without_a_principal_names_the_credentials() -> None:
    found = explained(refused("UnauthorizedOperation", "You are not authorized."))
    assert "for the credentials patchbot runs with" in found.message
    assert found.hint == (
        "Allow ssm:DescribeInstancePatchStates for the credentials patchbot runs with."
    )


def test_a_role_that_may_not_be_assumed_is_told_as_such() -> None:
    found = explained(refused("AccessDenied", "No.", operation="AssumeRole"), account=ROLE)
    assert isinstance(found, AccessDenied)
    assert found.operation == "sts:AssumeRole"
    assert "may not assume the role PatchBotReader" in found.message


@pytest.mark.parametrize("code", ["ExpiredTokenException", "UnrecognizedClientException"])
def test_bad_credentials_are_unreachable(code: str) -> None:
    found = explained(refused(code, "The security token included in the request is expired"))
    assert isinstance(found, Unreachable)
    assert "Renew" in found.hint


def test_troubles_of_awss_own_may_pass_and_refusals_do_not() -> None:
    for code, status in (("InternalServerError", 500), ("", 502), ("ServiceUnavailable", 503)):
        assert is_transient(explained(refused(code, status=status)))
    for code in ("ValidationException", "InvalidInstanceId", "AccessDenied"):
        assert not is_transient(explained(refused(code)))


def test_an_answer_that_is_not_awss_is_told() -> None:
    """A captive portal or the wrong endpoint."""
    found = explained(ResponseParserError("not xml"))
    assert "AWS_ENDPOINT_URL" in found.hint


def test_secrets_in_awss_words_are_cut_off() -> None:
    """A canonical string holds the session token, a proxy's address its password, an encoded message is noise."""
    texts = [
        "The request signature we calculated does not match. The Canonical String for this request "
        "should have been 'POST\n/\n\nx-amz-security-token:SECRET\n'",
        "'AWS4' not a valid key=value pair in Authorization header: 'AWS4 Credential=AKIA/SECRET'",
        "You are not authorized. Encoded authorization failure message: SECRETSECRET",
        "Failed to connect to proxy http://user:SECRET@proxy:3128",
    ]
    for text in texts:
        for code in ("InvalidSignatureException", "UnauthorizedOperation", "Odd"):
            assert "SECRET" not in str(explained(refused(code, text)))
    program = botocore.exceptions.CredentialRetrievalError(
        provider="custom-process", error_msg="SECRET"
    )
    assert "SECRET" not in str(explained(program))


def test_long_words_are_shortened_to_one_line() -> None:
    assert len(explained(refused("Odd", "very\nlong " * 200)).message) < 400


@pytest.mark.parametrize("error", every_botocore_error(), ids=lambda e: type(e).__name__)
def test_no_class_of_botocores_is_named_to_people(error: Exception) -> None:
    """Neither in the few words of a remark nor as a code, and there is always something to do."""
    found = explained(error)
    words = briefly(found)
    assert found.operation in words
    assert type(error).__name__ not in words
    assert found.code != type(error).__name__
    assert found.hint


def test_an_unknown_code_of_awss_comes_with_something_to_do() -> None:
    found = explained(refused("InvalidNextToken", "The specified token is not valid."))
    assert "Try again" in found.hint
    assert briefly(found) == "ssm:DescribeInstancePatchStates answered InvalidNextToken"


def test_our_own_errors_stay_and_faults_of_ours_are_left_alone() -> None:
    own = PatchbotError("x")
    arguments: dict[str, Any] = {
        "service": "ssm", "operation": "X", "account": OWN, "region": "eu-central-1"
    }  # fmt: skip
    assert explain(own, **arguments) is own
    assert explain(KeyError("x"), **arguments) is None
