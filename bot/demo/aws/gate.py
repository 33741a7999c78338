"""The WSGI gate in front of moto: reads the call, logs it, sends it through the faults."""

from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

from bot.demo.aws import wire
from bot.demo.aws.calls import Call, CallLog
from bot.demo.aws.fault_kinds import ConnectionCutError
from bot.demo.aws.faults import Faults
from bot.demo.aws.installation import is_implemented
from bot.demo.aws.wire import Answer

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

SERVICES = frozenset({"ssm", "ec2", "sts", "sqs", "s3"})
"""What patchbot asks; moto has far more doors, and nobody needs them here."""

_REASONS = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found"}


class Gate:
    """A WSGI application around moto's."""

    def __init__(self, application: Application, *, log: CallLog, faults: Faults) -> None:
        self._application = application
        self._log = log
        self._faults = faults
        self._closed = False

    def close(self) -> None:
        """Let nothing more through: a delayed call must not reach the state of a later server."""
        self._closed = True

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer one request. Raises ConnectionCutError when it shall get no answer at all."""
        call = wire.read_call(environ) if _is_for_us(environ) else None
        if call is None or call.service not in SERVICES:
            answer = Answer(403, b'{"__type": "MissingAuthenticationTokenException"}')
        else:
            self._log.record(call)
            answer = self._faults.apply(call, lambda each: self._dispatch(environ, each))
        status = f"{answer.status} {_REASONS.get(answer.status, 'Status')}"
        length = ("Content-Length", str(len(answer.body)))
        start_response(status, [*answer.headers, length])
        return [answer.body]

    def _dispatch(self, environ: dict[str, Any], call: Call) -> Answer:
        if self._closed:
            raise ConnectionCutError(call.operation)
        if call.service == "ssm" and not is_implemented(call.operation):
            # moto would answer 500 with a page of HTML, which every client retries.
            return wire.error(call, "UnknownOperationException", f"{call.operation} is unknown.")
        environ["wsgi.input"] = BytesIO(call.body)
        environ["CONTENT_LENGTH"] = str(len(call.body))
        head: list[Any] = []

        def keep_head(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
            head[:] = [int(status.split()[0]), headers]

        body = self._application(environ, keep_head)
        try:
            content = b"".join(body)
        finally:
            close = getattr(body, "close", None)
            if close is not None:
                close()
        status, headers = head
        return Answer(status, content, tuple(pair for pair in headers if _is_aws_header(*pair)))


def _is_for_us(environ: dict[str, Any]) -> bool:
    """No web page in a browser, not even one whose name was bound to this address, and not moto's own doors."""
    hosts = {f"{name}:{environ['SERVER_PORT']}" for name in ("127.0.0.1", "localhost")}
    return (
        environ.get("HTTP_HOST") in hosts
        and "HTTP_ORIGIN" not in environ
        and not environ.get("PATH_INFO", "").startswith("/moto-api")
    )


def _is_aws_header(name: str, _: str) -> bool:
    # moto invites every origin; AWS does not, and the length is written anew.
    return name.lower() != "content-length" and not name.lower().startswith("access-control-")
