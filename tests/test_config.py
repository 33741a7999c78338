"""patchbot.toml: what it gives, and what it says to whoever made a mistake in it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.config import Settings, load_settings
from bot.config.reference import reference
from bot.config.secrets import load_secrets
from bot.config.values import duration, written
from bot.core.environments import Account, Environment, Selector, Target
from bot.core.errors import ConfigurationError
from bot.core.identity import Members

PROD = '[environments.prod]\nregions = ["eu-central-1"]\n'
FULL = """
data_dir = "/var/lib/patchbot"
owner_tag = "Team"

[environments.prod]
regions = ["eu-central-1", "us-gov-west-1"]
accounts = [
  { id = "111122223333", role = "PatchBotReader", install_role = "PatchBotInstaller", external_id = "x7" },
  { id = "444455556666" },
]
tags = { Environment = "prod", Tier = ["web", "db"] }
stale_after = "36h"
protected = true
approvers = { users = ["U0ABCDEF1"], usergroups = ["S0ABCDEF1"] }
approvals = 2

[environments.dev]
regions = ["eu-west-1"]
patch_groups = ["dev-linux"]
approvers = { users = ["U0ABCDEF2"] }

[reading]
time_to_live = "5m"
concurrency = 8
time_limit = "1m 30s"

[access]
viewers = { usergroups = ["S0ABCDEF2"] }
requesters = "everyone"
admins = { users = ["W0ABCDEF3"] }

[slack]
transport = "http"
host = "0.0.0.0"
port = 8080
home_team = "T0ABCDEF1"

[digests.owners]
"Team A" = "C0ABCDEF1"
"""


def settings_of(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "patchbot.toml"
    path.write_text(text)
    return load_settings(path, environ={})


def refusal_of(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        settings_of(tmp_path, text)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_three_lines_are_enough(tmp_path: Path) -> None:
    """An environment with its Regions: everything else has a default that the design names."""
    settings = settings_of(tmp_path, PROD)
    assert settings.fleet() == {
        "prod": Environment("prod", (Target(Account(), "eu-central-1"),), Selector())
    }
    assert settings.data_dir == tmp_path / "data"
    assert settings.policy().viewers == Members(everyone=True)
    assert settings.policy().admins == Members()
    assert settings.slack.transport == "socket"
    assert settings.slack.port is None
    assert settings.reading.time_to_live == timedelta(minutes=10)


def test_every_key_arrives(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, FULL)
    prod, dev = settings.fleet().values()
    reader = Account("111122223333", "PatchBotReader", "PatchBotInstaller", "x7")
    other = Account("444455556666")
    assert prod == Environment(
        "prod",
        tuple(
            Target(account, region)
            for account in (reader, other)
            for region in ("eu-central-1", "us-gov-west-1")
        ),
        Selector({"Environment": ("prod",), "Tier": ("web", "db")}),
        stale_after=timedelta(hours=36),
        owner_tag="Team",
        protected=True,
    )
    assert dev.selector == Selector(patch_groups=("dev-linux",))
    policy = settings.policy()
    assert policy.viewers == Members(usergroups=frozenset({"S0ABCDEF2"}))
    assert policy.requesters == Members(everyone=True)
    assert policy.admins == Members(users=frozenset({"W0ABCDEF3"}))
    assert policy.approvers == Members(
        users=frozenset({"U0ABCDEF1", "U0ABCDEF2"}), usergroups=frozenset({"S0ABCDEF1"})
    )
    assert settings.environments["prod"].approvals == 2
    assert settings.reading.time_limit == timedelta(seconds=90)
    assert settings.slack.model_dump() == {
        "transport": "http",
        "host": "0.0.0.0",  # noqa: S104  # a value in a test, nothing listens
        "port": 8080,
        "home_team": "T0ABCDEF1",
    }
    assert settings.digests.owners == {"Team A": "C0ABCDEF1"}
    assert settings.data_dir == Path("/var/lib/patchbot")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (PROD + 'stale_afer = "7d"\n', ["“stale_afer” in [environments.prod]", "“stale_after”"]),
        ("regoins = 1\n" + PROD, ["“regoins” at the top of the file", "Known keys there: env"]),
        (PROD + "[slak]\n", ["“slak”", "Did you mean “slack”?"]),
        (
            PROD + '[slack]\ntransprt = "http"',
            ["“transprt” in [slack]", "Did you mean “transport”?"],
        ),
        (
            PROD + 'accounts = [{ id = "111122223333", rol = "x" }]',
            ["“rol” in [environments.prod] accounts[1]", "Did you mean “role”?"],
        ),
        (
            PROD + '[access]\nadmins = { user = ["U0ABCDEF1"] }',
            ["“user” in [access] admins", "Did you mean “users”?"],
        ),
        (PROD + "[access]\nadmins = { everyone = true }", ["[access] admins", 'Write "everyone"']),
        (PROD + '[access]\nadmins = "U0ABCDEF1"', ["[access] admins", 'Write "everyone"']),
        (PROD + 'freeze = "now"', ["“freeze”"]),
        ("[environments.prod]\n", ["[environments.prod] regions is missing", 'regions = ["']),
        ("[environments.prod]\nregions = []", ["regions is empty", 'regions = ["eu-central-1"]']),
        ('[environments.prod]\nregions = "eu-central-1"', ["'eu-central-1' is not a list"]),
        ('[environments.prod]\nregions = ["eu-central1"]', ["“eu-central1” is not a Region"]),
        (
            '[environments.prod]\nregions = ["eu-west-1", "eu-west-1"]',
            ["“eu-west-1” stands there 2 times"],
        ),
        ("", ["environments is missing", "[environments.prod]"]),
        ("[environments]\n", ["environments is empty", "[environments.prod]"]),
        ('environments = "prod"', ["environments: 'prod' is not a table"]),
        ("[environments.Prod]\nregions = ['eu-west-1']", ["“Prod” is not a name", "lower-case"]),
        ("[environments.9x]\nregions = ['eu-west-1']", ["“9x” is not a name"]),
        (PROD + 'accounts = [{ id = "1234" }]', ["accounts[1].id", "12 digits"]),
        (PROD + "accounts = [{ id = 111122223333 }]", ["not a text", "quotes"]),
        (PROD + 'accounts = [{ role = "x" }]', ["accounts[1].id is missing", "12 digits"]),
        (
            PROD
            + 'accounts = [{ id = "111122223333", role = "arn:aws:iam::444455556666:role/x" }]',
            ["role of another account than 111122223333"],
        ),
        (
            PROD + 'accounts = [{ id = "111122223333", role = "R", external_id = "x" }]',
            ["accounts[1].external_id", "“x” is not an external id", "2 to 1224"],
        ),
        (PROD + 'stale_after = "a week"', ["'a week' is not a length of time", '"7d"']),
        (PROD + "stale_after = 7", ["7 is not a length of time", '"7d"']),
        (PROD + 'stale_after = "0d"', ["'0d' is not a length of time"]),
        (PROD + 'protected = "yes"', ["'yes' is neither true nor false"]),
        (PROD + "approvals = 0", ["approvals: 0 is too small", "1"]),
        (PROD + 'approvers = { users = ["bob"] }', ["“bob” is not the id of a Slack user"]),
        (PROD + 'approvers = { usergroups = ["U0ABCDEF1"] }', ["the id of a Slack user group"]),
        (PROD + "tags = { Environment = [] }", ["[environments.prod] tags.Environment"]),
        (PROD + 'tags = { Environment = " " }', ["tags.Environment", "empty"]),
        (PROD + "tags = {}", ["tags is empty", "every node", "leave the key out"]),
        (PROD + "patch_groups = []", ["patch_groups is empty", "every node"]),
        (
            PROD + '[slack]\ntransport = "sockets"',
            ["'sockets' is not possible", "'socket' or 'http'"],
        ),
        (PROD + "[slack]\nport = 70000", ["[slack] port", "65535"]),
        (PROD + '[slack]\nhome_team = "acme"', ["“acme” is not the id of a Slack workspace"]),
        (PROD + "[reading]\nconcurrency = 0", ["[reading] concurrency: 0 is too small"]),
        (PROD + 'expires_after = "25h"', ["expires_after", "24h"]),
        (PROD + 'channel = "#ops"', ["channel: “#ops” is not the id of a Slack channel"]),
        (PROD + "max_targets = 0", ["max_targets: 0 is too small"]),
        (PROD + "[installs]\nticket_pattern = '['", ["ticket_pattern", "not a regular expression"]),
        (PROD + '[installs]\nnever = ["web-1"]', ["never[1]", "“web-1” is not the id of a node"]),
        (
            PROD
            + '[[installs.freezes]]\nfrom = 2026-12-24\nuntil = 2026-12-27T00:00:00\nreason = "x"',
            ["freezes[1].from", "freezes[1].until", "2026-12-24T18:00:00+01:00"],
        ),
        (
            PROD
            + '[[installs.freezes]]\nfrom = 2026-12-24T00:00:00Z\nuntil = 2026-12-23T00:00:00Z\nreason = "x"',
            ["until must be later than from"],
        ),
        (
            PROD
            + '[[installs.freezes]]\nenvironments = ["prdo"]\nfrom = 2026-12-24T00:00:00Z\n'
            + 'until = 2026-12-25T00:00:00Z\nreason = "x"',
            ["no environment “prdo”", "prod"],
        ),
        (
            PROD + '[digests.owners]\nweb = "#web"',
            ["[digests] owners.web", "“#web” is not the id of a Slack channel"],
        ),
        (
            PROD + '[digests.owners]\nWeb = "C0ABCDEF1"\nweb = "C0ABCDEF2"',
            ["digests: owners", "“web” stands there 2 times"],
        ),
        ("[environments.prod\n", ["is not valid TOML", "line 1"]),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_to_write(
    tmp_path: Path, text: str, told: list[str]
) -> None:
    refusal = refusal_of(tmp_path, text)
    assert str(tmp_path / "patchbot.toml") in refusal
    for part in told:
        assert part in refusal


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """Nobody should have to start three times to learn of three mistakes."""
    refusal = refusal_of(tmp_path, PROD + "approvals = 0\n[slack]\nport = true\n[x]\n")
    assert "3 mistakes" in refusal
    for part in ("approvals", "[slack] port", "“x”"):
        assert part in refusal


@pytest.mark.parametrize(
    ("line", "variable", "value"),
    [
        ('[slack]\nbot_token = "xoxb-123"', "SLACK_BOT_TOKEN", "xoxb-123"),
        ('[slack]\nhome_team = "xapp-1-A"', "SLACK_APP_TOKEN", "xapp-1-A"),
        ('SLACK_SIGNING_SECRET = "8f7e"', "SLACK_SIGNING_SECRET", "8f7e"),
        ('[aws]\nkey = "AKIAABCDEFGHIJKLMNOP"', "environment variable", "AKIAABC"),
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_repeated(
    tmp_path: Path, line: str, variable: str, value: str
) -> None:
    refusal = refusal_of(tmp_path, f"{line}\n{PROD}")
    assert "not for secrets" in refusal
    assert variable in refusal
    assert value not in refusal


def test_a_tag_may_be_called_like_a_secret(tmp_path: Path) -> None:
    """Tags are the customer's words, and so are owners."""
    text = 'tags = { SecretLevel = "high" }\n[digests.owners]\nsecret-service = "C0ABCDEF1"'
    settings = settings_of(tmp_path, PROD + text)
    assert settings.fleet()["prod"].selector.tags == {"SecretLevel": ("high",)}


def test_the_file_is_found_by_option_then_variable_then_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("option", "variable", "patchbot"):
        (tmp_path / f"{name}.toml").write_text(f'[environments.{name}]\nregions = ["eu-west-1"]')
    environ = {"PATCHBOT_CONFIG": "variable.toml"}
    assert list(load_settings(Path("option.toml"), environ=environ).environments) == ["option"]
    assert list(load_settings(environ=environ).environments) == ["variable"]
    assert list(load_settings(environ={}).environments) == ["patchbot"]


def test_where_there_is_no_file_the_error_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example in the error is itself a file that loads."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(environ={})
    assert "docs/configuration.md" in caught.value.hint
    example = caught.value.hint.split("\n\n")[1]
    assert list(settings_of(tmp_path, example).environments) == ["prod"]


def test_the_examples_of_the_documents_are_configurations(tmp_path: Path) -> None:
    """docs/configuration.md shows who may install, and what it shows loads."""
    text = (Path(__file__).parents[1] / "docs" / "configuration.md").read_text()
    examples = re.findall(r"```toml\n(.*?)```", text, flags=re.DOTALL)
    loaded = [settings_of(tmp_path, example) for example in examples]
    rules = loaded[0].change_rules()["prod"]
    assert (rules.protected, rules.approvals) == (True, 2)
    assert rules.approvers.usergroups
    assert rules.requesters.usergroups


def test_the_data_directory_may_come_from_the_environment(tmp_path: Path) -> None:
    path = tmp_path / "patchbot.toml"
    path.write_text(PROD)
    environ = {"PATCHBOT_DATA_DIR": str(tmp_path / "elsewhere")}
    assert load_settings(path, environ=environ).data_dir == tmp_path / "elsewhere"


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90m", timedelta(minutes=90)),
        ("36h", timedelta(hours=36)),
        ("7d", timedelta(days=7)),
        ("2w", timedelta(days=14)),
        ("1d 12h", timedelta(hours=36)),
        ("45s", timedelta(seconds=45)),
    ],
)
def test_lengths_of_time(text: str, length: timedelta) -> None:
    assert duration(text) == length
    assert duration(written(length)) == length


@pytest.mark.parametrize("text", ["", "7", "d", "-7d", "7 days", "7d and 2h", "999999d", "1.5h"])
def test_what_is_no_length_of_time(text: str) -> None:
    with pytest.raises(ValueError, match="is not a length of time"):
        duration(text)


def test_the_reference_has_every_key_with_its_meaning() -> None:
    rows = {key: (default, meaning) for key, default, meaning in reference()}
    assert rows["environments.<name>.stale_after"][0] == '`"7d"`'
    assert rows["environments.<name>.regions"][0] == "*needed*"
    assert rows["access.viewers"][0] == '`"everyone"`'
    assert all(meaning for _, meaning in rows.values())
    assert {"data_dir", "slack.port", "environments.<name>.accounts[].role"} <= set(rows)


@pytest.fixture
def no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BOT_TOKEN", "APP_TOKEN", "SIGNING_SECRET", "SIGNING_SECRET_OLD"):
        monkeypatch.delenv(f"SLACK_{name}", raising=False)
        monkeypatch.delenv(f"SLACK_{name}_FILE", raising=False)
    monkeypatch.delenv("PATCHBOT_SLACK_API_URL", raising=False)


@pytest.mark.usefixtures("no_secrets")
def test_secrets_come_from_variables_or_files_and_are_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "app").write_text("xapp-from-file\n")
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-from-variable")
    monkeypatch.setenv("SLACK_APP_TOKEN_FILE", str(tmp_path / "app"))
    secrets = load_secrets()
    assert secrets.slack_bot_token.get_secret_value() == "xoxb-from-variable"
    assert secrets.slack_app_token.get_secret_value() == "xapp-from-file"
    assert secrets.slack_api_url == "https://slack.com/api/"
    assert secrets.given() == ("xoxb-from-variable", "xapp-from-file")
    shown = f"{secrets!r} {secrets} {secrets.model_dump()}"
    assert "from-variable" not in shown
    assert "from-file" not in shown


@pytest.mark.usefixtures("no_secrets")
def test_each_missing_secret_is_named_with_where_to_find_it() -> None:
    secrets = load_secrets()
    assert [text.split()[0] for text in secrets.missing("socket")] == [
        "SLACK_BOT_TOKEN",
        "SLACK_APP_TOKEN",
    ]
    assert [text.split()[0] for text in secrets.missing("http")] == [
        "SLACK_BOT_TOKEN",
        "SLACK_SIGNING_SECRET",
    ]
    assert all("api.slack.com" in text for text in secrets.missing("http"))


@pytest.mark.usefixtures("no_secrets")
@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"SLACK_BOT_TOKEN": "xapp-swapped"}, "SLACK_BOT_TOKEN does not begin with “xoxb-”"),
        ({"SLACK_APP_TOKEN": "xoxb-swapped"}, "SLACK_APP_TOKEN does not begin with “xapp-”"),
        ({"SLACK_APP_TOKEN": "x", "SLACK_APP_TOKEN_FILE": "y"}, "Both SLACK_APP_TOKEN and"),
        ({"SLACK_SIGNING_SECRET_FILE": "/nowhere/at/all"}, "/nowhere/at/all, which cannot be read"),
        ({"PATCHBOT_SLACK_API_URL": "slack.com"}, "PATCHBOT_SLACK_API_URL is not an address"),
    ],
)
def test_a_wrong_secret_is_told_without_its_value(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], told: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        load_secrets()
    assert told in str(caught.value)
    assert "swapped" not in str(caught.value)


def test_the_rules_for_changes_of_each_environment(tmp_path: Path) -> None:
    """Requesters of their own or those of [access]; admins among requesters and approvers; freezes where they hold."""
    text = FULL.replace(
        "approvals = 2", 'approvals = 2\nrequesters = { users = ["U0ABCDEF9"] }'
    ) + (
        "\n[installs]\nticket_pattern = '[A-Z]+-\\d+'\nnever = [\"i-0123456789abcdef0\"]\n"
        '[[installs.freezes]]\nenvironments = ["dev"]\nfrom = 2026-12-24T00:00:00Z\n'
        'until = 2026-12-27T00:00:00Z\nreason = "holidays"\n'
    )
    settings = settings_of(tmp_path, text)
    prod, dev = settings.change_rules().values()
    assert prod.requesters == Members(users=frozenset({"U0ABCDEF9", "W0ABCDEF3"}))
    assert dev.requesters == Members(everyone=True, users=frozenset({"W0ABCDEF3"}))
    assert prod.approvers.users == {"U0ABCDEF1", "W0ABCDEF3"}
    assert (prod.protected, prod.approvals, dev.approvals) == (True, 2, 1)
    assert prod.ticket_is_fine("OPS-12")
    assert not prod.ticket_is_fine("OPS-12; rm")
    assert prod.never == {"i-0123456789abcdef0"}
    during = datetime(2026, 12, 25, tzinfo=UTC)
    assert prod.frozen_at(during) is None
    assert (found := dev.frozen_at(during)) is not None
    assert found.reason == "holidays"
    assert settings.policy().requesters.users == {"U0ABCDEF9"}


QUEUE = "https://sqs.eu-central-1.amazonaws.com/111122223333/patchbot-events"


def test_a_queue_is_named_alone_or_in_a_list(tmp_path: Path) -> None:
    path = tmp_path / "patchbot.toml"
    environment = '[environments.prod]\nregions = ["eu-central-1"]\n'
    for given in (f'"{QUEUE}"', f'["{QUEUE}"]'):
        path.write_text(f"{environment}[events]\nqueue_url = {given}\n")
        assert load_settings(path, environ={}).events.queue_url == (QUEUE,)
    path.write_text(f'{environment}[events]\nqueue_url = "http://sqs.example.com/1/q"\n')
    with pytest.raises(ConfigurationError, match="the URL of an SQS queue"):
        load_settings(path, environ={})


def test_what_asks_by_itself_has_no_ticket_to_give(tmp_path: Path) -> None:
    path = tmp_path / "patchbot.toml"
    path.write_text(
        '[environments.prod]\nregions = ["eu-central-1"]\nauto_request = true\n'
        "[installs]\nticket_pattern = 'OPS-[0-9]+'\n"
    )
    with pytest.raises(ConfigurationError, match="auto_request"):
        load_settings(path, environ={})
