"""From AWS's rows to the domain's types."""

from bot.aws import rows


def test_half_a_surrogate_pair_does_not_reach_the_cache_or_the_terminal() -> None:
    """JSON may carry one in a Name; what is kept can be written as UTF-8, other texts stay as they are."""
    told = rows.node(
        {"InstanceId": "mi-0123456789abcdef0", "Name": "web\ud800-ü"},
        account="",
        region="",
        name="",
        owner="",
    )
    assert told.name == "web?-ü"
    assert told.name.encode()


def test_a_row_without_members_is_read_as_nothing_known() -> None:
    """Missing members are empty texts and zero counts, never an error."""
    told = rows.state({"InstanceId": "i-1", "MissingCount": None})
    assert (told.missing, told.operation, told.operation_end_time) == (0, "", None)


def test_a_node_without_a_name_goes_by_its_computer_name() -> None:
    """An EC2 instance too; its Name, from whichever list, comes first."""

    def name(told: str = "", **row: str) -> str:
        row = {"InstanceId": "i-0123456789abcdef0", "ComputerName": "ip-10-0-0-1.internal", **row}
        return rows.node(row, account="", region="", name=told, owner="").name

    assert name() == "ip-10-0-0-1.internal"
    assert name("from-tags") == "from-tags"
    assert name("from-tags", Name="web-1") == "web-1"
