"""The contract with moto's private names: says which one moved before anything else fails."""

import inspect

import moto
import pytest
from moto.core.utils import camelcase_to_underscores, method_names_from_class
from moto.ssm.responses import SimpleSystemManagerResponse

from bot.demo.aws import installation
from bot.demo.aws.installation import MotoMovedError, added_operations, install, missing_hooks
from bot.demo.aws.service_model import ssm_model


def test_every_name_we_build_on_is_there() -> None:
    """A newer moto that renamed one is named here with what it breaks."""
    assert missing_hooks() == [], f"moto {moto.__version__} has moved these names"


def test_a_moved_name_stops_the_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the name and its purpose in the message."""
    moved = (*installation.HOOKS, (SimpleSystemManagerResponse, "gone", "everything"))
    monkeypatch.setattr(installation, "HOOKS", moved)
    with pytest.raises(MotoMovedError, match=r"SimpleSystemManagerResponse\.gone \(everything\)"):
        install()


def test_moto_finds_what_was_added() -> None:
    """It lists the plain functions of its class, under names made from the operations'."""
    install()
    found = method_names_from_class(SimpleSystemManagerResponse)
    operations = {camelcase_to_underscores(name) for name in ssm_model().operation_names}
    for operation in added_operations():
        assert operation.__name__ in found
        assert operation.__name__ in operations, "no such operation in AWS's service model"


def test_the_added_operations_are_the_ones_moto_lacks() -> None:
    """When a newer moto brings one of them, ours can go."""
    source = inspect.getsource(inspect.getmodule(SimpleSystemManagerResponse))  # type: ignore[arg-type]
    replaced = {
        "create_patch_baseline",
        "get_patch_baseline_for_patch_group",
        "register_patch_baseline_for_patch_group",
        "add_tags_to_resource",
        "remove_tags_from_resource",
        "list_tags_for_resource",
        "send_command",
        "list_commands",
        "get_command_invocation",
        "describe_document",
        "describe_maintenance_windows",
    }
    native = {o.__name__ for o in added_operations() if f"def {o.__name__}(" in source}
    assert native == replaced
