"""Chromium, a local Slack and a real Bolt app for the tests of the page; without Chromium they are left out, loudly."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ViewportSize, expect, sync_playwright

from bot.demo.slack.demo_workspace import MAYA, demo_workspace
from bot.demo.slack.server import LocalSlack
from bot.demo.slack.workspace import Suggestion, Tip
from tests.browser.kit import MANIFEST, Kit
from tests.browser.slack_page import SlackPage
from tests.demo.slack.bolt_app import running

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
LAPTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}

PATIENCE_MS = 30_000  # a busy machine is no reason to fail
expect.set_options(timeout=PATIENCE_MS)

_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_LEFT_OUT = pytest.StashKey[int]()

OpenPage = Callable[..., SlackPage]


def find_chromium() -> str | None:
    """The browser to test with: PATCHBOT_CHROMIUM, else the first one on the PATH."""
    names = ("chromium", "chromium-browser", "google-chrome")
    given = os.environ.get("PATCHBOT_CHROMIUM")
    return given or next((path for name in names if (path := shutil.which(name))), None)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if find_chromium() is not None:
        return
    left_out = [item for item in items if item.get_closest_marker("browser")]
    config.stash[_LEFT_OUT] = len(left_out)
    for item in left_out:
        item.add_marker(pytest.mark.skip(reason="no Chromium found"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    left_out = terminalreporter.config.stash.get(_LEFT_OUT, 0)
    if left_out:
        terminalreporter.write_line(
            f"BROWSER TESTS LEFT OUT: no Chromium found, so {left_out} tests of the page did not run. "
            "Install chromium, or set PATCHBOT_CHROMIUM to the path of one.",
            red=True,
            bold=True,
        )


# Playwright keeps an event loop running in this thread; package scope ends it with these tests.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_chromium(), args=[*_QUIET])
        yield chromium
        chromium.close()


@pytest.fixture
def slack(tmp_path: Path) -> Iterator[LocalSlack]:
    manifest = tmp_path / "manifest.yml"
    manifest.write_text(MANIFEST, encoding="utf-8")
    tips = (
        Tip("Where do we stand?", "The compliance of prod.", "/patch status prod"),
        Tip("Which nodes?", "The list, worst first.", "/patch nodes prod"),
    )
    with LocalSlack(
        manifest,
        workspace=replace(demo_workspace(), tips=tips),
        event_retry_seconds=(0, 0, 0),
        suggestions={
            "/patch": [
                Suggestion("/patch status prod", "The compliance of prod"),
                Suggestion("/patch status staging", "The compliance of staging"),
                Suggestion("/patch nodes prod", "Non-compliant nodes, worst first"),
            ]
        },
    ) as local:
        yield local


@pytest.fixture
def kit(slack: LocalSlack) -> Iterator[Kit]:
    made = Kit(slack)
    with running(made.app, slack, "http"):
        yield made


@pytest.fixture
def open_page(browser: Browser, slack: LocalSlack) -> Iterator[OpenPage]:
    """Opens the page as somebody, each time in a browser profile of its own.

    Anything written to the console as an error, thrown, or refused by the Content Security Policy
    fails the test, unless `SlackPage.expected_errors` names it.
    """
    opened: list[SlackPage] = []

    def open_as(
        person: str = MAYA,
        *,
        size: ViewportSize = LAPTOP,
        dark: bool = False,
        hash_: str = "",
    ) -> SlackPage:
        context = browser.new_context(
            viewport=size,
            color_scheme="dark" if dark else "light",
            is_mobile=size == PHONE,
            has_touch=size == PHONE,
            accept_downloads=True,
        )
        context.set_default_timeout(PATIENCE_MS)
        page = SlackPage(context.new_page(), screenshots=SCREENSHOTS)
        opened.append(page)
        page.visit(slack.url + hash_, person)
        return page

    yield open_as
    for each in opened:
        each.close()
    errors = [error for each in opened for error in each.errors]
    assert not errors, "the browser complained: " + "\n".join(errors)
