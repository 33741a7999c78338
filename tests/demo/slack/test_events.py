"""Events: their envelope, their retries, and who gets none."""

from pathlib import Path

from starlette.responses import Response

from bot.demo.slack import demo_workspace as demo
from bot.demo.slack.server import LocalSlack
from tests.demo.slack.bolt_app import until
from tests.demo.slack.receiver import Receiver, receiving


def test_app_home_opened_comes_in_its_envelope(slack: LocalSlack, receiver: Receiver) -> None:
    """With an event_id to tell repeats by, signed, as JSON."""
    assert slack.person(demo.MAYA).open_home() == {"ok": True}
    until(lambda: len(receiver.payloads) == 1)
    envelope = receiver.last
    assert envelope["type"] == "event_callback"
    assert envelope["event_id"].startswith("Ev")
    assert envelope["authorizations"][0]["user_id"] == slack.live.app.user_id
    event = envelope["event"]
    assert (event["type"], event["user"], event["tab"]) == ("app_home_opened", demo.MAYA, "home")
    assert event["channel"].startswith("D")


def test_an_event_that_is_not_taken_comes_again_three_times(
    slack: LocalSlack, receiver: Receiver
) -> None:
    """The same event_id each time, numbered, with the reason; then Slack gives up."""
    receiver.answers.extend(Response(status_code=500) for _ in range(4))
    slack.person(demo.MAYA).open_home()
    until(lambda: len(receiver.payloads) == 4)
    assert len({each["event_id"] for each in receiver.payloads}) == 1
    numbers = [each.get("x-slack-retry-num") for each in receiver.headers]
    assert numbers == [None, "1", "2", "3"]
    assert receiver.headers[1]["x-slack-retry-reason"] == "http_error"
    slack.person(demo.JONAS).open_home()
    until(lambda: len(receiver.payloads) == 5)
    assert receiver.last["event"]["user"] == demo.JONAS


def test_an_app_that_did_not_subscribe_gets_nothing(manifest: Path, page: Path) -> None:
    """bot_events of the manifest decide."""
    manifest.write_text(manifest.read_text().replace("[app_home_opened]", "[]"))
    with LocalSlack(manifest, page=page) as slack, receiving() as (receiver, url):
        slack.connect_http(url)
        slack.person(demo.MAYA).open_home()
        slack.person(demo.MAYA).command(demo.GENERAL, "/patch help")
        assert [each.get("command") for each in receiver.payloads] == ["/patch"]
