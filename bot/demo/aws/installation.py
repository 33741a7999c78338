"""Puts the added operations on moto's response class, where moto looks for them on every request.

moto finds an operation by listing the plain functions of the class at that moment, so this works
before and after a server has started, and doing it twice changes nothing.
"""

import inspect
import json
import pkgutil
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any, TypeAlias

import moto
from moto.core.common_types import TYPE_RESPONSE
from moto.core.responses import ActionResult
from moto.core.utils import camelcase_to_underscores
from moto.ec2.models import instances as moto_instances
from moto.moto_api._internal import models as moto_api
from moto.ssm.models import (
    FakePatchBaseline,
    FakePatchGroup,
    SimpleSystemManagerBackend,
    ssm_backends,
)
from moto.ssm.responses import SimpleSystemManagerResponse

from bot.demo.aws import operations
from bot.demo.aws.exceptions import SerializationError
from bot.demo.aws.run_command.behaviour import Behaviour
from bot.demo.aws.run_command.clockwork import advance
from bot.demo.aws.service_model import check_request, ssm_model
from bot.demo.aws.state import RegionState, state_of

Operation: TypeAlias = Callable[[RegionState, dict[str, Any]], dict[str, Any]]


class MotoMovedError(RuntimeError):
    """moto no longer has a name that the simulation builds on."""


# Where a name lives, the name, and what breaks without it.
HOOKS: tuple[tuple[Any, str, str], ...] = (
    (SimpleSystemManagerResponse, "ssm_backend", "every added operation"),
    (SimpleSystemManagerResponse, "_get_param", "moto's own operations"),
    (SimpleSystemManagerBackend, "describe_document", "own documents"),
    (FakePatchBaseline, "generate_id", "baseline ids of a seeded fleet"),
    (FakePatchBaseline, "to_json", "GetPatchBaseline"),
    (FakePatchGroup, "_load_latest_baselines", "AWS's default baselines"),
    (moto_instances, "random_instance_id", "instance ids of a seeded fleet"),
    (moto_api, "moto_api_backend", "the reset at the start"),
    (ssm_backends, "__getitem__", "state per account and Region"),
)


def missing_hooks() -> list[str]:
    """The names of moto that are gone, each with what it breaks."""
    return [
        f"{getattr(owner, '__name__', owner)}.{name} ({purpose})"
        for owner, name, purpose in HOOKS
        if not hasattr(owner, name)
    ]


def install(behaviour: Behaviour | None = None) -> None:
    """Add the operations to moto; commands behave as told. Raises MotoMovedError when moto has changed under us."""
    behaviour = behaviour or Behaviour()
    gone = missing_hooks()
    if gone:
        raise MotoMovedError(f"moto {moto.__version__} no longer has {', '.join(gone)}")
    names = {camelcase_to_underscores(name): str(name) for name in ssm_model().operation_names}
    for operation in added_operations():
        method = _method(names[operation.__name__], operation, behaviour)
        setattr(SimpleSystemManagerResponse, operation.__name__, method)


def added_operations() -> list[Operation]:
    """What the modules of `bot.demo.aws.operations` offer."""
    modules = (
        import_module(f"{operations.__name__}.{each.name}")
        for each in pkgutil.iter_modules(operations.__path__)
    )
    return [operation for module in modules for operation in module.OPERATIONS]


def is_implemented(operation: str) -> bool:
    """Whether moto, as installed, answers this Systems Manager operation."""
    method = getattr(SimpleSystemManagerResponse, camelcase_to_underscores(operation), None)
    return inspect.isfunction(method)


def _method(
    name: str, operation: Operation, behaviour: Behaviour
) -> Callable[..., ActionResult | TYPE_RESPONSE]:
    @wraps(operation)
    def method(response: SimpleSystemManagerResponse) -> ActionResult | TYPE_RESPONSE:
        parameters = json.loads(response.body or "{}")
        try:
            check_request(name, parameters)
        except SerializationError as error:
            answer = {"__type": error.code, "Message": f"Unexpected type of value at {error}"}
            return 400, {"status": 400}, json.dumps(answer)
        region = state_of(response.ssm_backend)
        region.behaviour = behaviour
        advance(region)
        return ActionResult(operation(region, parameters))

    return method
