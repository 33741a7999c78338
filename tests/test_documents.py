"""What the repository says about itself is true."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bot import documents
from bot.aws.head_rights import KEEPING
from bot.aws.rights import LISTENING, READING
from bot.aws.run_rights import CHANGING, FOLLOWING
from bot.chatops.registry import Registry

ROOT = Path(__file__).parents[1]
TEXTS = [
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
    if not path.name.startswith(".")
]


def test_generated_documents_are_up_to_date() -> None:
    """`make format` would change nothing."""
    stale = [path.name for path, text in documents.documents().items() if path.read_text() != text]
    assert stale == []


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(path: Path) -> None:
    """A relative link or picture in a document names a file that exists."""
    links = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", path.read_text())
    missing = [
        link
        for link in links
        if not link.startswith(("http", "mailto")) and not (path.parent / link).exists()
    ]
    assert missing == []


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_named_in_code_style_exists(path: Path) -> None:
    """`bot/…`, `commands/…`, `tests/…` in backticks name real files and folders."""
    if path.name == "CHANGELOG.md":
        return
    named = re.findall(
        r"`((?:bot|commands|tests|docs|deploy|benchmarks)/[\w./-]*)`", path.read_text()
    )
    examples = {"commands/age.py"}
    missing = [name for name in named if name not in examples and not (ROOT / name).exists()]
    assert missing == []


def test_every_command_line_of_the_readme_is_a_make_target() -> None:
    """`make x` in the documents is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = {
        target
        for path in TEXTS
        for target in re.findall(r"`?make ([a-z]+)\b[` ]", path.read_text())
    }
    words = {"demo", "test", "format", "lint", "bench", "lock", "setup"}
    assert {name for name in named if name in words} <= targets
    assert {"demo", "test", "setup", "lint"} <= targets


def test_every_schema_name_stands_in_the_reference() -> None:
    """docs/terminal.md names each `patchbot.…/1` that the code writes, and no other."""
    name = re.compile(r"\bpatchbot\.[a-z_]+/\d+\b")
    code = [
        path.read_text() for part in ("bot", "commands") for path in ROOT.glob(f"{part}/**/*.py")
    ]
    written = {found for text in code for found in name.findall(text)}
    assert set(name.findall((ROOT / "docs" / "terminal.md").read_text())) == written


def test_the_policy_allows_reading_and_nothing_else() -> None:
    """Every action of the shipped policy describes, gets or lists, but for taking events off one queue."""
    policy = json.loads((ROOT / "deploy" / "iam-reader.json").read_text())
    reads, follows, listens = (statement["Action"] for statement in policy["Statement"])
    assert sorted(right.action for right in READING) == reads
    assert sorted(right.action for right in FOLLOWING) == follows
    assert sorted(right.action for right in LISTENING) == listens
    assert policy["Statement"][2]["Resource"].endswith(":patchbot-events")
    actions = [*reads, *follows]
    assert all(action.split(":")[1].startswith(("Describe", "Get", "List")) for action in actions)


def test_the_policy_for_installs_is_fenced_as_far_as_iam_can() -> None:
    """SendCommand on one document and on tagged nodes only; CancelCommand cannot be fenced, and the page says so."""
    policy = json.loads((ROOT / "deploy" / "iam-installer.json").read_text())
    document, nodes, cancel = policy["Statement"]
    assert {s["Action"] for s in policy["Statement"]} == {right.action for right in CHANGING}
    assert document["Resource"].endswith(":document/AWS-RunPatchBaseline")
    assert nodes["Condition"] == {"StringEquals": {"ssm:resourceTag/PatchBot": "allow"}}
    assert all(arn.endswith(("instance/*",)) for arn in nodes["Resource"])
    assert cancel["Action"] == "ssm:CancelCommand"
    page = (ROOT / "docs" / "aws-rights.md").read_text()
    assert "whoever may cancel can cancel every command" in page


def test_the_policy_for_heads_puts_and_reads_and_removes_nothing() -> None:
    policy = json.loads((ROOT / "deploy" / "iam-heads.json").read_text())
    heads, bucket = policy["Statement"]
    assert {*heads["Action"], bucket["Action"]} == {right.action for right in KEEPING}
    assert heads["Action"] == ["s3:PutObject", "s3:GetObject"]
    assert heads["Resource"].endswith("/heads/*")


def test_every_example_of_a_command_is_understood() -> None:
    """The examples in help and docs bind to the command's own arguments."""
    from bot.chatops.grammar import parse

    for command in Registry("commands"):
        for example in command.examples:
            sentence = parse(example, keys=command.arguments.option_keys())
            command.arguments.bind(sentence, ("prod", "staging"))


def test_the_image_copies_what_exists_and_starts_what_the_command_line_knows() -> None:
    """COPY sources exist, and the default command is one of patchbot's."""
    text = (ROOT / "Dockerfile").read_text()
    sources = [
        source
        for line in re.findall(r"^COPY (.+)$", text, flags=re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert sources
    assert all((ROOT / source).exists() for source in sources)
    command = json.loads(re.search(r"^CMD (.+)$", text, flags=re.MULTILINE).group(1))  # type: ignore[union-attr]
    told = subprocess.run(
        [sys.executable, "-m", "bot", *command, "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Usage: patchbot serve" in told.stdout


def test_no_committed_file_names_this_machine_or_an_index() -> None:
    """No path of a developer's machine, no address of a package index, no token."""
    files = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    forbidden = re.compile(
        r"/(?:home|root|work|Users)/\w+/|--(?:extra-)?index-url|/simple/|files\.pythonhosted"
        r"|xoxb-\d{6,}|AKIA(?!DEMO|ABCDEF|IOSFODNN7)[0-9A-Z]{16}"
    )
    found = [
        f"{name}: {match.group(0)}"
        for name in files
        if (ROOT / name).is_file()
        and (ROOT / name).suffix not in {".png"}
        and name != "tests/test_documents.py"
        and (match := forbidden.search((ROOT / name).read_text(errors="replace")))
    ]
    assert found == []
