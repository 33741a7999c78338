"""The page of the local Slack as a person uses it: what to click, where to type, what to read."""

from pathlib import Path

from playwright.sync_api import ConsoleMessage, Locator, Page, expect

_WATCH_POLICY = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`Content Security Policy: ${event.violatedDirective} ${event.blockedURI}`));
"""


class SlackPage:
    """One open page. `errors` holds everything the browser complained about."""

    def __init__(self, page: Page, *, screenshots: Path) -> None:
        self.page = page
        self.errors: list[str] = []
        self.expected_errors: tuple[str, ...] = ()
        self._screenshots = screenshots
        page.add_init_script(_WATCH_POLICY)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def visit(self, url: str, person: str) -> None:
        """Open the page as `person`, as if they had been chosen in this tab before."""
        self.page.add_init_script(
            f"sessionStorage.getItem('acting as') ?? "
            f"sessionStorage.setItem('acting as', '{person}')"
        )
        self.page.goto(url)
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Wait until the page shows what was there and listens for news."""
        expect(self.page.locator("body.is-ready.is-live")).to_be_attached()

    def close(self) -> None:
        """Close the page and its profile."""
        self.page.context.close()

    def screenshot(self, name: str) -> Path:
        """Save what is to be seen as build/screenshots/<name>.png."""
        self._screenshots.mkdir(parents=True, exist_ok=True)
        path = self._screenshots / f"{name}.png"
        self.page.screenshot(path=path)
        return path

    # Where things are

    @property
    def messages(self) -> Locator:
        """The messages of the open channel, oldest first."""
        return self.page.locator("#messages [data-testid=message]")

    @property
    def last_message(self) -> Locator:
        """The newest message of the open channel."""
        return self.messages.last

    @property
    def thread(self) -> Locator:
        """The thread pane."""
        return self.page.get_by_test_id("thread-pane")

    @property
    def thread_messages(self) -> Locator:
        """The parent and its replies in the thread pane."""
        return self.thread.get_by_test_id("message")

    @property
    def modal(self) -> Locator:
        """The modal on show."""
        return self.page.get_by_test_id("modal")

    @property
    def home(self) -> Locator:
        """The App Home tab."""
        return self.page.get_by_test_id("home")

    @property
    def composer(self) -> Locator:
        """The box of the open channel."""
        return self.page.get_by_test_id("composer")

    @property
    def hints(self) -> Locator:
        """The choices that the composer offers."""
        return self.page.get_by_test_id("hint")

    @property
    def failure(self) -> Locator:
        """The line over the composer that says what did not work."""
        return self.page.locator("#composer [data-testid=failure]")

    def block(self, kind: str) -> Locator:
        """The blocks of a type in the newest message."""
        return self.last_message.get_by_test_id(f"block-{kind}")

    def control(self, action_id: str, *, inside: Locator | None = None) -> Locator:
        """The control of an action, in the newest message unless said otherwise."""
        return (inside or self.last_message).locator(f"[data-action-id='{action_id}']")

    # What one does

    def act_as(self, user_id: str) -> None:
        """Become somebody else with the switch."""
        self.page.get_by_test_id("act-as").click()
        self.page.locator(f"[data-testid=act-as-option][data-user='{user_id}']").click()
        expect(self.page.get_by_test_id("act-as")).to_have_attribute("data-user", user_id)
        self.wait_until_ready()

    def open_channel(self, name: str) -> None:
        """Go to a channel, or to the app, by name."""
        self.page.get_by_test_id(f"channel-{name}").click()
        expect(self.page.get_by_test_id("title")).to_contain_text(name)
        expect(self.page.locator("#messages [role=log]:not([aria-busy])")).to_be_attached()

    def send(self, text: str) -> None:
        """Type `text` into the composer and press Enter."""
        self.composer.fill(text)
        self.composer.press("Enter")

    def command(self, text: str) -> Locator:
        """Send a command and return the message that answers it."""
        before = self.messages.count()
        self.send(text)
        expect(self.messages).to_have_count(before + 1)
        return self.last_message

    def choose(self, trigger: Locator, text: str, *, typed: str = "") -> None:
        """Open a select box, type into it, and take the option called `text`."""
        trigger.click()
        panel = trigger.locator("xpath=following-sibling::*[@popover]")
        if typed:
            panel.get_by_test_id("select-filter").fill(typed)
        panel.get_by_test_id("option").filter(has_text=text).first.click()

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not any(
            part in message.text for part in self.expected_errors
        ):
            self.errors.append(message.text)
