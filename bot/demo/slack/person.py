"""A person at the page without a browser: the page's HTTP interface as Python calls.

For end-to-end tests and for checking a running demo; what a browser could not do, this cannot.
"""

import http.client
import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

Json = dict[str, Any]


class Person:
    """Acts as one user. Every method returns what the page would get."""

    def __init__(self, base_url: str, user_id: str) -> None:
        self.id = user_id
        self._origin = base_url.rstrip("/")
        self._address = urlsplit(self._origin)

    def command(self, channel: str, text: str) -> Json:
        """Type a slash command."""
        return self._post("command", {"channel": channel, "text": text})

    def say(self, channel: str, text: str, *, thread_ts: str = "") -> Json:
        """Send a plain message."""
        return self._post("message", {"channel": channel, "text": text, "thread_ts": thread_ts})

    def messages(self, channel: str) -> list[Json]:
        """Read a channel."""
        found: list[Json] = self._get("messages", {"channel": channel})["messages"]
        return found

    def thread(self, channel: str, ts: str) -> list[Json]:
        """Read a thread: the message and its replies."""
        found: list[Json] = self._get("thread", {"channel": channel, "ts": ts})["messages"]
        return found

    def views(self) -> list[Json]:
        """Return the open modals, bottom first."""
        found: list[Json] = self._get("views", {})["views"]
        return found

    def home(self) -> Json | None:
        """Return the Home tab."""
        view: Json | None = self._get("home", {})["view"]
        return view

    def open_home(self) -> Json:
        """Click on the Home tab."""
        return self._post("home", {})

    def click(self, message: Json, action_id: str, **chosen: Any) -> Json:
        """Use an element of a message: a button, or a menu with e.g. `selected_option=…`."""
        place = {"channel": message["channel"], "message_ts": message["ts"]}
        return self._act(place, message["blocks"], action_id, chosen)

    def click_in(self, view: Json, action_id: str, **chosen: Any) -> Json:
        """Use an element of a modal or Home tab."""
        return self._act({"view_id": view["id"]}, view["blocks"], action_id, chosen)

    def options(self, view: Json, action_id: str, typed: str) -> Json:
        """Type into an external select of a modal or Home tab."""
        block_id, _ = _find(view["blocks"], action_id)
        where = {"view_id": view["id"], "block_id": block_id, "action_id": action_id}
        return self._post("options", {**where, "value": typed})

    def submit(self, view: Json, values: Mapping[str, Mapping[str, Json]]) -> Json:
        """Submit a modal; `values` is block_id -> action_id -> e.g. {"value": "…"}."""
        return self._post("view/submit", {"view_id": view["id"], "state": {"values": values}})

    def close(self, view: Json) -> Json:
        """Close a modal."""
        return self._post("view/close", {"view_id": view["id"]})

    def download(self, file: Json) -> bytes:
        """Return the bytes of a file that a message carries."""
        status, body = self._request("GET", f"{file['url']}?{urlencode({'as': self.id})}")
        if status != http.HTTPStatus.OK:
            raise LookupError(body.decode())
        return body

    def picture(self, file_id: str) -> bytes:
        """Return the picture behind a `slack_file`."""
        return self.download({"url": f"/page/picture/{file_id}"})

    def wait_for(
        self, channel: str, matches: Callable[[Json], bool], *, seconds: float = 10.0
    ) -> Json:
        """Return the newest message that matches, as soon as it is there; raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while True:
            messages = self.messages(channel)
            for message in reversed(messages):
                if matches(message):
                    return message
            if time.monotonic() > deadline:
                texts = [message["text"] for message in messages]
                raise TimeoutError(f"No such message in {channel} after {seconds} s: {texts}")
            time.sleep(0.02)

    def _act(self, place: Json, blocks: list[Json], action_id: str, chosen: Json) -> Json:
        block_id, kind = _find(blocks, action_id)
        ids = {"block_id": block_id, "action_id": action_id}
        payload = {"type": kind, **chosen}
        return self._post("action", {**place, **ids, "payload": payload, "state": {"values": {}}})

    def _get(self, name: str, query: Mapping[str, str]) -> Json:
        target = f"/page/{name}?{urlencode({**query, 'as': self.id})}"
        status, body = self._request("GET", target)
        if status != http.HTTPStatus.OK:
            raise LookupError(json.loads(body)["error"])
        answer: Json = json.loads(body)
        return answer

    def _post(self, name: str, body: Mapping[str, Any]) -> Json:
        data = json.dumps({"as": self.id, **body}).encode()
        answer: Json = json.loads(self._request("POST", f"/page/{name}", data)[1])
        return answer

    def _request(self, method: str, target: str, body: bytes | None = None) -> tuple[int, bytes]:
        headers = {"Origin": self._origin, "X-Local-Slack": "page"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        connection = http.client.HTTPConnection(
            self._address.hostname or "", self._address.port, timeout=30
        )
        try:
            connection.request(method, target, body, headers)
            with connection.getresponse() as response:
                return response.status, response.read()
        finally:
            connection.close()


def _find(blocks: list[Json], action_id: str) -> tuple[str, str]:
    for block in blocks:
        elements = [*block.get("elements", ()), block.get("accessory"), block.get("element")]
        for element in elements:
            if isinstance(element, dict) and element.get("action_id") == action_id:
                return block["block_id"], element["type"]
    raise LookupError(f"There is no element with the action_id {action_id}.")
