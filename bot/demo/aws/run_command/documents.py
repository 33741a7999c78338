"""Command documents: AWS-RunPatchBaseline as AWS publishes it, own ones as moto keeps them, and their parameters."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.demo.aws.exceptions import InvalidDocument, InvalidDocumentVersion, InvalidParameters
from bot.demo.aws.state import RegionState

_GUID = r"(^$)|^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$"
_LINK = r"(^$)|^https://.+$|^s3://([^/]+)/(.+)$"
# Parameters: "SSM Command document for patching: AWS-RunPatchBaseline" (Systems Manager User Guide).
_PATCHING = {
    "Operation": {"allowedValues": ["Scan", "Install"]},
    "SnapshotId": {"default": "", "allowedPattern": _GUID},
    "InstallOverrideList": {"default": "", "allowedPattern": _LINK},
    "BaselineOverride": {"default": "", "allowedPattern": _LINK},
    "AssociationId": {"default": "", "allowedPattern": _GUID},
    "RebootOption": {
        "default": "RebootIfNeeded",
        "allowedValues": ["RebootIfNeeded", "NoReboot"],
    },
}
_SHELL = {
    "commands": {"type": "StringList"},
    "workingDirectory": {"default": ""},
    "executionTimeout": {"default": "3600", "allowedPattern": r"^[1-9][0-9]{0,5}$"},
}


def _step(name: str, platform: str, action: str) -> dict[str, Any]:
    condition = {"StringEquals": ["platformType", platform]}
    return {"name": name, "action": action, "precondition": condition}


_OWNED_BY_AWS: Mapping[str, dict[str, Any]] = {
    "AWS-RunPatchBaseline": {
        "schemaVersion": "2.2",
        "description": "Scans for or installs patches from a patch baseline.",
        "parameters": _PATCHING,
        "mainSteps": [
            _step("PatchWindows", "Windows", "aws:runPowerShellScript"),
            _step("PatchLinux", "Linux", "aws:runShellScript"),
            _step("PatchMacOS", "MacOS", "aws:runShellScript"),
        ],
    },
    "AWS-RunShellScript": {
        "schemaVersion": "2.2",
        "description": "Runs a shell script.",
        "parameters": _SHELL,
        "mainSteps": [{"name": "aws:runShellScript", "action": "aws:runShellScript"}],
    },
}


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a document and the platform it is for, empty for all."""

    name: str
    platform: str


@dataclass(frozen=True, slots=True)
class Document:
    """One version of a command document."""

    name: str
    version: str
    hash: str
    content: Mapping[str, Any]

    @property
    def steps(self) -> tuple[Step, ...]:
        """What it runs, in order."""
        return tuple(_steps(self.content))

    @property
    def declared(self) -> Mapping[str, Mapping[str, Any]]:
        """Its parameters."""
        return self.content.get("parameters") or {}

    def operation(self, parameters: Mapping[str, Sequence[str]]) -> str:
        """Scan or Install if it patches, by its parameter or as its step hands it on; else empty."""
        default = self.declared.get("Operation", {}).get("default", "")
        given = (parameters.get("Operation") or [default])[0]
        if given:
            return str(given)
        found = re.search(r'"Operation"\W+(Scan|Install)\b', json.dumps(self.content))
        return found[1] if found else ""

    def check(self, parameters: Mapping[str, Sequence[str]]) -> None:
        """Raises InvalidParameters for one that is unknown, missing, or not allowed."""
        unknown = sorted(set(parameters) - set(self.declared))
        if unknown:
            raise InvalidParameters(f"Parameters {unknown} are not supported by {self.name}.")
        for name, rule in self.declared.items():
            if name in parameters:
                _check(name, parameters[name], rule)
            elif "default" not in rule:
                raise InvalidParameters(f"Parameter {name} is required.")


def _steps(content: Mapping[str, Any]) -> Iterator[Step]:
    for step in content.get("mainSteps") or []:
        condition = (step.get("precondition") or {}).get("StringEquals") or ["", ""]
        yield Step(step["name"], condition[1] if condition[0] == "platformType" else "")


def _check(name: str, values: Sequence[str], rule: Mapping[str, Any]) -> None:
    if rule.get("type", "String") == "String" and len(values) != 1:
        raise InvalidParameters(f"Parameter {name} takes one value.")
    allowed, pattern = rule.get("allowedValues"), rule.get("allowedPattern")
    for value in values:
        if allowed and value not in allowed:
            raise InvalidParameters(f"Parameter {name} must be one of {allowed}, not {value!r}.")
        if pattern and not re.search(pattern, value):
            raise InvalidParameters(f"Parameter {name} does not match {pattern}.")


def find_document(region: RegionState, name: str, version: str = "") -> Document:
    """A document by name or ARN. Raises InvalidDocument or InvalidDocumentVersion."""
    short = name.rsplit("/", 1)[-1]
    content = _OWNED_BY_AWS.get(short)
    if content is not None:
        if version not in ("", "$DEFAULT", "$LATEST", "1"):
            raise InvalidDocumentVersion(version)
        return Document(
            short, "1", hashlib.sha256(json.dumps(content).encode()).hexdigest(), content
        )
    own = region.ssm._documents.get(short)
    if own is None:
        raise InvalidDocument(f"Document with name {name} does not exist.")
    found = own.find("" if version == "$DEFAULT" else version, None, strict=False)
    if found is None:
        raise InvalidDocumentVersion(version)
    return Document(short, str(found.document_version), found.hash, found.content_json)


def describe(region: RegionState, name: str, version: str) -> dict[str, Any]:
    """A document of AWS's as DescribeDocument shows it."""
    document = find_document(region, name, version)
    kinds = {step.platform or "Linux" for step in document.steps}
    return {
        "Name": document.name,
        "Owner": "Amazon",
        "Hash": document.hash,
        "HashType": "Sha256",
        "Status": "Active",
        "DocumentVersion": document.version,
        "DefaultVersion": document.version,
        "LatestVersion": document.version,
        "Description": document.content["description"],
        "DocumentType": "Command",
        "DocumentFormat": "JSON",
        "SchemaVersion": document.content["schemaVersion"],
        "PlatformTypes": sorted(kinds),
        "Parameters": [
            {"Name": each, "Type": rule.get("type", "String")}
            | ({"DefaultValue": rule["default"]} if "default" in rule else {})
            for each, rule in document.declared.items()
        ],
    }


def is_owned_by_aws(name: str) -> bool:
    """Whether every account has it."""
    return name.rsplit("/", 1)[-1] in _OWNED_BY_AWS
