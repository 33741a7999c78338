"""From what botocore raises to the errors people read. Nothing of botocore's leaves this folder.

AWS's own words are kept where they help; they hold ARNs and account ids, never secrets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bot.aws.calls import GIVEN_UP, LATE, REPEATED_TOKEN, TIME_LIMIT
from bot.core.environments import Account
from bot.core.errors import AccessDenied, AwsError, PatchbotError, Throttled, Unreachable

THROTTLES = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
DENIALS = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "NotAuthorized",
        "UnauthorizedAccess",
        "UnauthorizedOperation",
    }
)
BAD_CREDENTIALS = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "NotSignedUp",
        "OptInRequired",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
BROKEN = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "Unavailable",
    }
)
# Codes of ours, where there is no answer of AWS's; people read the words.
NO_ANSWER, TIMED_OUT, NO_CONNECTION = "NoAnswer", "ReadTimeout", "NoConnection"
NO_CREDENTIALS, NOT_ASKED, BAD_ANSWER = "NoCredentials", "NotAsked", "BadAnswer"
_IN_WORDS = {
    NO_ANSWER: "did not answer",
    TIMED_OUT: "did not answer in time",
    TIME_LIMIT: "did not answer in time",
    LATE: "did not answer in time",
    GIVEN_UP: "was not waited for",
    NO_CONNECTION: "cannot be reached",
    NO_CREDENTIALS: "cannot be asked without credentials",
    NOT_ASKED: "could not be asked",
    BAD_ANSWER: "gave no answer of AWS's",
    REPEATED_TOKEN: "gave a list without an end",
}
LONGEST = 300

_PRINCIPAL = re.compile(r"User: (\S+) is not authorized")
# Encoded messages are of no use to people; a canonical string holds the session token.
_CUT_OFF = re.compile(
    r"\s*(Encoded authorization failure message:|The Canonical String|in Authorization header).*",
    re.DOTALL,
)
_USERINFO = re.compile(r"//[^/@\s]+@")


def is_transient(error: AwsError) -> bool:
    """Whether the same call may well succeed when it is made once more. A refused pace is another matter."""
    return error.code in BROKEN | {"500", "502", "503", "504", NO_ANSWER, TIMED_OUT}


def briefly(error: AwsError) -> str:
    """The error in a few words, to follow "…: ": which operation, and what became of it."""
    if not error.operation:
        return error.message.rstrip(".")
    if isinstance(error, AccessDenied):
        return f"{error.operation} is not allowed"
    if isinstance(error, Throttled):
        return f"AWS kept refusing the pace of {error.operation}"
    return f"{error.operation} {_IN_WORDS.get(error.code, f'answered {error.code}')}"


def explain(
    error: Exception, *, service: str, operation: str, account: Account, region: str
) -> PatchbotError | None:
    """The error to raise in the place of `error`; None when it has nothing to do with AWS and is a fault of ours."""
    from botocore.exceptions import BotoCoreError, ClientError, UndefinedModelAttributeError
    from botocore.parsers import ResponseParserError

    action = f"{service}:{operation}"
    if isinstance(error, PatchbotError):
        return error
    if isinstance(error, ClientError):
        return _refusal(error, action=action, account=account, region=region)
    if isinstance(error, ResponseParserError):
        return AwsError(
            f"The answer to {action} in {region} is not one of AWS's.",
            code=BAD_ANSWER,
            operation=action,
            hint="Check AWS_ENDPOINT_URL and proxies: something else answers there.",
        )
    if isinstance(error, (BotoCoreError, UndefinedModelAttributeError)):
        return _no_answer(error, action=action, region=region)
    return None


def _refusal(error: Any, *, action: str, account: Account, region: str) -> AwsError:
    response: Mapping[str, Any] = error.response
    said: Mapping[str, Any] = response.get("Error") or {}
    status = (response.get("ResponseMetadata") or {}).get("HTTPStatusCode")
    code = str(said.get("Code") or status or "Unknown").rsplit("#", 1)[-1].removesuffix("Fault")
    words = _shortened(str(said.get("Message") or ""))
    asked = getattr(error, "operation_name", "") or ""
    if asked.startswith("AssumeRole"):
        action = f"sts:{asked}"
    if code in THROTTLES or status == 429:
        return Throttled(
            f"AWS kept refusing the pace of {action} in {region}: {words or code}.",
            code=code,
            operation=action,
            hint="Try again in a few minutes; something else may be using up the same limit.",
        )
    if code in BAD_CREDENTIALS:
        return Unreachable(
            f"AWS does not accept the credentials for {action} in {region}: {words or code}",
            code=code,
            operation=action,
            hint="Renew them, and check the clock of this machine and that the Region is enabled.",
        )
    if code in DENIALS or status == 403:
        return _denied(words, action=action, account=account, region=region, code=code)
    return AwsError(
        f"AWS answered {action} in {region} with {code}{': ' + words if words else '.'}",
        code=code,
        operation=action,
        hint="AWS has trouble there; try again later."
        if code in BROKEN or code.isdigit()
        else f"Try again; if it stays so, the reference of {action} says what {code} means.",
    )


def _denied(words: str, *, action: str, account: Account, region: str, code: str) -> AccessDenied:
    found = _PRINCIPAL.search(words)
    role = account.role if not action.startswith("sts:AssumeRole") else ""
    who = (
        found[1] if found else f"the role {role}" if role else "the credentials patchbot runs with"
    )
    if action == "sts:AssumeRole":
        return AccessDenied(
            f"{who} may not assume the role {account.role} (sts:AssumeRole).",
            code=code,
            operation=action,
            hint=f"Allow sts:AssumeRole on {account.role}, and check its trust policy and external id.",
        )
    holder = f"the role {role}" if role else "the credentials patchbot runs with"
    return AccessDenied(
        f"{action} is not allowed in {region} for {who}.",
        code=code,
        operation=action,
        hint=f"Allow {action} for {holder}.",
    )


def _no_answer(error: Exception, *, action: str, region: str) -> Unreachable | AwsError:
    from botocore import exceptions as known

    words = _shortened(str(error))
    if isinstance(error, known.CredentialRetrievalError):  # its text is a foreign program's output
        words = f"{error.kwargs.get('provider', 'the provider')} gave none."
    if isinstance(
        error,
        (
            known.NoCredentialsError,
            known.PartialCredentialsError,
            known.CredentialRetrievalError,
            known.NoAuthTokenError,
            known.TokenRetrievalError,
            known.SSOError,
            known.LoginError,
            known.ProfileNotFound,
            known.MetadataRetrievalError,
            known.UnknownCredentialError,
            known.ConfigParseError,
            known.ConfigNotFound,
            known.RefreshWithMFAUnsupportedError,
        ),
    ):
        return Unreachable(
            f"There are no AWS credentials to use: {words}",
            code=NO_CREDENTIALS,
            operation=action,
            hint="Give patchbot a role, a profile (AWS_PROFILE) or keys, then run `patchbot doctor`.",
        )
    if isinstance(error, (known.ConnectTimeoutError, known.ConnectionError)):
        return Unreachable(
            f"AWS cannot be reached for {action} in {region}: {words}",
            code=NO_CONNECTION,
            operation=action,
            hint="Check the network, the proxy, the Region's name and AWS_ENDPOINT_URL.",
        )
    if isinstance(error, (known.HTTPClientError, known.IncompleteReadError)):
        return Unreachable(
            f"AWS did not answer {action} in {region}: {words}",
            code=TIMED_OUT if isinstance(error, known.ReadTimeoutError) else NO_ANSWER,
            operation=action,
            hint="Try again; if it stays so, check the network and the proxy.",
        )
    return AwsError(
        f"{action} could not be asked in {region}: {words}",
        code=NOT_ASKED,
        operation=action,
        hint="Check the AWS configuration of this machine (Region, endpoint, profile).",
    )


def _shortened(words: str) -> str:
    """One line, at most LONGEST characters, without secrets."""
    line = _USERINFO.sub("//", " ".join(_CUT_OFF.sub("", words).split()))
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
