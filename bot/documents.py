"""Writes the documents that follow from the code; with --check it says which ones are out of date.

manifest.yml, the IAM policy and the command and configuration references cannot drift from the code this way.
`make format` writes them, `make lint` checks them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from bot.aws.head_rights import KEEPING, keeping_statements
from bot.aws.rights import ASSUMING, LISTENING, READING, Right
from bot.aws.run_rights import CHANGING, FOLLOWING, NODE_TAG, changing_statements
from bot.chatops.command import AnyCommand
from bot.chatops.registry import Registry
from bot.config.reference import reference
from bot.slack.manifest import manifest

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "docs" / "examples" / "age.py"
QUEUES = "arn:aws:sqs:*:*:patchbot-events"
BEGIN, END = "<!-- written by `make format` -->", "<!-- end -->"


def main(arguments: list[str]) -> int:
    """Write the documents, or with --check name those that differ. Returns the exit code."""
    wanted = documents()
    differing = [
        path for path, text in wanted.items() if not path.exists() or path.read_text() != text
    ]
    if "--check" in arguments:
        for path in differing:
            sys.stderr.write(f"{path.relative_to(ROOT)} is out of date: run `make format`.\n")
        return 1 if differing else 0
    for path in differing:
        path.write_text(wanted[path])
    return 0


def documents() -> dict[Path, str]:
    """Every generated document by its path."""
    registry = Registry("commands")
    return {
        ROOT / "manifest.yml": manifest_yaml(registry),
        ROOT / "docs" / "commands.md": commands_markdown(registry),
        ROOT / "docs" / "aws-rights.md": rights_markdown(),
        ROOT / "deploy" / "iam-reader.json": reader_policy(),
        ROOT / "deploy" / "iam-installer.json": policy_json(changing_statements()),
        ROOT / "deploy" / "iam-heads.json": policy_json(keeping_statements()),
        ROOT / "docs" / "configuration.md": _between(
            ROOT / "docs" / "configuration.md", configuration_table()
        ),
        ROOT / "CONTRIBUTING.md": _between(
            ROOT / "CONTRIBUTING.md", f"```python\n{EXAMPLE.read_text()}```"
        ),
        ROOT / "README.md": _between(ROOT / "README.md", readme_table(registry)),
    }


def manifest_yaml(registry: Registry) -> str:
    """The app manifest, as Slack's *From a manifest* takes it."""
    head = "# Slack → Your apps → Create new app → From a manifest. Written by `make format` from the code.\n"
    return head + yaml.safe_dump(manifest(registry), sort_keys=False, allow_unicode=True, width=100)


def commands_markdown(registry: Registry) -> str:
    """The reference of all commands."""
    parts = [
        "# Commands\n",
        "Written by `make format` from the code. In Slack they start with `/patch`, in a terminal with "
        "`patchbot patch`.\n",
        "Words in `<…>` are needed, those in `[…]` are not. Quotes hold values with spaces: "
        '`os:"Amazon Linux 2023"`. Case, curly quotes and Slack\'s own links do not matter; a typo gets a '
        "suggestion.\n",
    ]
    return "\n".join([*parts, *(_command_section(command) for command in registry)])


def _command_section(command: AnyCommand) -> str:
    usage = f"/patch {command.name} {command.arguments.usage()}".rstrip()
    lines = [f"## {command.name}\n", f"{_capital(command.summary)}.\n", f"```\n{usage}\n```\n"]
    if command.details:
        lines.append(f"{command.details}\n")
    if command.examples:
        lines.append(
            "Examples: " + ", ".join(f"`/patch {example}`" for example in command.examples) + "\n"
        )
    lines.append(f"Needs the role *{command.role}*.\n")
    return "\n".join(lines)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def readme_table(registry: Registry) -> str:
    """The commands in one table."""
    rows = [f"| `/patch {command.name}` | {_capital(command.summary)} |" for command in registry]
    return "\n".join(["| command | answers |", "|---|---|", *rows])


def rights_markdown() -> str:
    """Which IAM actions patchbot calls, and why."""
    key, value = NODE_TAG
    return "\n".join(
        [
            "# Rights in AWS\n",
            "Written by `make format` from the code.\n",
            "## Reading\n",
            "The policy: [deploy/iam-reader.json](../deploy/iam-reader.json). Give it to the credentials patchbot runs "
            "with, or to the role named in `accounts = [{ id = …, role = … }]`. This statement of it only reads.\n",
            *_rights_table(READING),
            "",
            f"For accounts with a role the credentials also need `{ASSUMING.action}` on that role, and the role must "
            "trust them, with the external id if one is configured.\n",
            "## Following scans and installs\n",
            "In the same policy, as a statement of its own (`PatchbotFollowsCommands`): leave it out where patchbot "
            "only looks. `ssm:ListCommands` also shows the parameters of other people's commands; patchbot uses and "
            "keeps none of those.\n",
            *_rights_table(FOLLOWING),
            "",
            "## Events\n",
            "In the same policy, as a statement of its own (`PatchbotListens`): leave it out where `[events]` names no "
            "queue, and put the ARN of yours in the place of the pattern. Queue, rules and dead letters are in "
            "[deploy/events.yaml](../deploy/events.yaml). A queue that is encrypted with a key of your own also needs "
            "`kms:Decrypt` on that key.\n",
            *_rights_table(LISTENING),
            "",
            "## Scans and installs\n",
            "The policy: [deploy/iam-installer.json](../deploy/iam-installer.json). Give it to a role of its own, "
            "named as `install_role` beside `role`: patchbot assumes it for nothing but a send whose approval stands, "
            "and to cancel one. The session of a send is called `patchbot-<run>`, so CloudTrail names the run. "
            f"It needs `{ASSUMING.action}` like the other role. Without `install_role` the credentials for reading "
            "need this, too.\n",
            *_rights_table(CHANGING),
            "",
            f"`ssm:SendCommand` is allowed on the patch document and on nodes that carry the tag `{key}={value}`: tag "
            "what patchbot may patch, or put your own condition there. In the partitions of China and GovCloud the "
            "ARNs begin with `arn:aws-cn` and `arn:aws-us-gov`. Own documents need their ARN beside that of "
            "AWS-RunPatchBaseline.\n",
            "## Heads in a bucket\n",
            "Only with `[ledger] head_bucket`. The policy: [deploy/iam-heads.json](../deploy/iam-heads.json), with "
            "your bucket and prefix in it; give it to the credentials patchbot runs with. Turn on versioning and "
            "Object Lock for the bucket, better in another account: then nobody on the host can take a head back.\n",
            *_rights_table(KEEPING),
            "",
            "`patchbot doctor` tries all that only reads and whether the role can be assumed. It cannot try "
            "`ssm:SendCommand` and `ssm:CancelCommand`: AWS has no dry run of them. The first scan shows it.",
            "",
        ]
    )


def _rights_table(rights: Iterable[Right]) -> list[str]:
    rows = [
        f"| `{right.action}` | {right.why} | {right.without or 'Nothing can be read.'} |"
        for right in rights
    ]
    return ["| action | what for | without it |", "|---|---|---|", *rows]


def reader_policy() -> str:
    """The least policy for reading, for following what was sent, and for hearing of events."""
    groups = {
        "PatchbotReads": (READING, "*"),
        "PatchbotFollowsCommands": (FOLLOWING, "*"),
        "PatchbotListens": (LISTENING, QUEUES),
    }
    return policy_json(
        {
            "Sid": name,
            "Effect": "Allow",
            "Action": sorted(right.action for right in rights),
            "Resource": resource,
        }
        for name, (rights, resource) in groups.items()
    )


def policy_json(statements: Iterable[Mapping[str, object]]) -> str:
    """An IAM policy."""
    policy = {"Version": "2012-10-17", "Statement": list(statements)}
    return json.dumps(policy, indent=2) + "\n"


def configuration_table() -> str:
    """Every key of patchbot.toml with its default and meaning."""
    rows = [f"| `{key}` | {default} | {meaning} |" for key, default, meaning in reference()]
    return "\n".join(["| key | default | meaning |", "|---|---|---|", *rows])


def _between(path: Path, text: str) -> str:
    """The document with the part between its two marks replaced."""
    before, _, rest = path.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
