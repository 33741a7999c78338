"""Real patches per operating system: names, vendor severities and the CVEs they close.

Red Hat's family is titled name.arch:epoch:version-release, Ubuntu name.arch:version, Windows by
its update title; only the first reports CVE ids.
"""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from bot.demo.fleet.model import Package, Platform

AMAZON_LINUX_2023 = Platform("AMAZON_LINUX_2023", "Linux", "Amazon Linux", "2023", True)
AMAZON_LINUX_2 = Platform("AMAZON_LINUX_2", "Linux", "Amazon Linux", "2", True)
RHEL_9 = Platform("REDHAT_ENTERPRISE_LINUX", "Linux", "Red Hat Enterprise Linux", "9.6", True)
UBUNTU_2204 = Platform("UBUNTU", "Linux", "Ubuntu", "22.04", False)
UBUNTU_2404 = Platform("UBUNTU", "Linux", "Ubuntu", "24.04", False)
WINDOWS_2019 = Platform(
    "WINDOWS", "Windows", "Microsoft Windows Server 2019 Datacenter", "10.0.17763", False
)
WINDOWS_2022 = Platform(
    "WINDOWS", "Windows", "Microsoft Windows Server 2022 Datacenter", "10.0.20348", False
)
_SECTIONS = {
    AMAZON_LINUX_2023: "amazon_linux_2023",
    AMAZON_LINUX_2: "amazon_linux_2",
    RHEL_9: "rhel_9",
    UBUNTU_2204: "ubuntu_2204",
    UBUNTU_2404: "ubuntu_2404",
    WINDOWS_2019: "windows_2019",
    WINDOWS_2022: "windows_2022",
}
PLATFORMS = tuple(_SECTIONS)

# What an own baseline may reject: tools nobody wants on a server.
REJECTED_AMAZON_LINUX_2023 = Package(
    "telnet.x86_64:1:0.17-83.amzn2023.0.2", "telnet.x86_64", "Security", "Low"
)
NOT_APPLICABLE_WINDOWS = (
    Package(
        "2025-10 Cumulative Update for Windows Server 2016 for x64-based Systems (KB5066836)",
        "KB5066836",
    ),
)


@cache
def updates(platform: Platform) -> tuple[Package, ...]:
    """The patches a node of this platform may miss, the newest first."""
    rows = (line.split("|") for line in _section(platform)["updates"])
    return tuple(
        Package(title, _kb_id(title), kind, severity, tuple(cves.split(",")) if cves else ())
        for title, kind, severity, cves in rows
    )


@cache
def settled(platform: Platform) -> tuple[Package, ...]:
    """Packages that have long been up to date everywhere."""
    section = _section(platform)
    titles = (section["settled_title"].format(name) for name in section["settled"].split())
    return tuple(_plain(title, platform) for title in titles)


@cache
def others(platform: Platform) -> tuple[Package, ...]:
    """Packages that no baseline speaks about: they come without class and severity."""
    return tuple(Package(title, _kb_id(title)) for title in _section(platform)["others"])


@cache
def _section(platform: Platform) -> dict[str, Any]:
    text = files("bot.demo.fleet").joinpath("packages.toml").read_text(encoding="utf-8")
    section: dict[str, Any] = tomllib.loads(text)[_SECTIONS[platform]]
    return section


def _plain(title: str, platform: Platform) -> Package:
    severity = "Unspecified" if platform.is_windows else "Low"
    if platform.operating_system == "UBUNTU":
        return Package(title, _kb_id(title), "", "Standard")
    kind = "Updates" if platform.is_windows else "Bugfix"
    return Package(title, _kb_id(title), kind, severity)


def _kb_id(title: str) -> str:
    if "KB" in title:
        return "KB" + title.rsplit("KB", 1)[-1].rstrip(")")
    return title.split(":", 1)[0]
