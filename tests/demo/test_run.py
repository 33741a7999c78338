"""What `make demo` starts keeps to itself."""

import os
from collections.abc import Mapping
from http.client import HTTPConnection
from urllib.parse import urlsplit

import boto3
import pytest

from bot.demo.aws.server import SimulatedAws
from bot.demo.run import running


def answered(url: str, headers: Mapping[str, str]) -> int:
    """The HTTP status of a POST with these headers."""
    parts = urlsplit(url)
    connection = HTTPConnection(str(parts.hostname), parts.port, timeout=5)
    try:
        connection.request("POST", parts.path or "/", body=b"{}", headers=dict(headers))
        return connection.getresponse().status
    finally:
        connection.close()


SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=AKIADEMO/20260101/eu-central-1/ssm/aws4_request, x",
    "X-Amz-Target": "AmazonSSM.DescribeInstanceInformation",
    "Content-Type": "application/x-amz-json-1.1",
}


def test_nothing_of_the_machine_reaches_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Profiles, endpoints and tokens of the real machine are set aside while it runs, and given back."""
    foreign = {
        "AWS_PROFILE": "no-such-profile",
        "AWS_ENDPOINT_URL_SSM": "http://ssm.invalid",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "SLACK_BOT_TOKEN_FILE": "/nowhere",
        "HTTP_PROXY": "http://proxy.invalid:3128",
    }
    for name, value in foreign.items():
        monkeypatch.setenv(name, value)
    with running() as demo:
        left = {name for name in foreign if name in os.environ}
        report = demo.app.services.compliance.read("prod")
        session = boto3.Session()
        endpoint = session.client("ssm", region_name="eu-central-1").meta.endpoint_url
        history = demo.app.services.history
        assert history is not None
        trend = history.trend("prod", 30)
        simulated = demo.aws.url
    assert left == {"HTTP_PROXY"}
    assert report.gaps == ()
    assert (len(trend.points) >= 29, trend.details_missing) == (True, 0)
    assert endpoint == simulated
    assert {name: os.environ.get(name) for name in foreign} == foreign


def test_the_simulated_aws_answers_no_web_page_and_none_of_motos_own_doors() -> None:
    """A name bound to loopback, a page's Origin, a reset and other services are refused; boto3 is served."""
    with SimulatedAws() as aws:
        assert answered(aws.url, SIGNED) == 200
        assert answered(aws.url, SIGNED | {"Host": "evil.example"}) == 403
        assert answered(aws.url, SIGNED | {"Origin": "http://evil.example"}) == 403
        assert answered(f"{aws.url}/moto-api/reset", SIGNED) == 403
        other = SIGNED | {"Authorization": SIGNED["Authorization"].replace("/ssm/", "/dynamodb/")}
        assert answered(aws.url, other) == 403
