"""The errors that the added operations raise, in the shape of `moto.ssm.exceptions`."""

from collections.abc import Iterable

from moto.ssm.exceptions import SSMException


class ValidationError(SSMException):
    """A parameter breaks a constraint of the service model."""

    def __init__(self, message: str) -> None:
        super().__init__("ValidationException", message)


class SerializationError(ValueError):
    """A member has the wrong JSON type.

    No exception of moto's: its serializer warns of every code that stands in no service model.
    """

    code = "SerializationException"


class InvalidNextToken(SSMException):
    """The token was not handed out for this listing."""

    def __init__(self) -> None:
        super().__init__("InvalidNextToken", "The specified token is not valid.")


class InvalidInstanceId(SSMException):
    """An id that is no managed node of this account and Region."""

    def __init__(self, instance_ids: Iterable[str]) -> None:
        listed = ", ".join(instance_ids)
        super().__init__("InvalidInstanceId", f"The following instance ids are not valid: {listed}")


class InvalidFilterKey(SSMException):
    """A filter key that the operation does not know, or not together with another."""

    def __init__(self, message: str) -> None:
        super().__init__("InvalidFilterKey", message)


class InvalidFilter(SSMException):
    """A filter whose key, value or operator the operation does not know."""

    def __init__(self, message: str) -> None:
        super().__init__("InvalidFilter", message)


class InvalidFilterValue(SSMException):
    """A value that this filter key cannot have; the code differs per operation."""

    def __init__(self, code: str, value: str) -> None:
        super().__init__(code, f"The filter value is not valid: {value}")


class InvalidResultAttribute(SSMException):
    """An inventory type that GetInventory does not return."""

    def __init__(self, type_name: str) -> None:
        super().__init__(
            "InvalidResultAttributeException",
            f"The result attribute {type_name} is not valid. "
            "Valid ones are AWS:InstanceInformation and AWS:PatchSummary.",
        )


class InvalidTypeName(SSMException):
    """An inventory type that does not exist."""

    def __init__(self, type_name: str) -> None:
        super().__init__("InvalidTypeNameException", f"The type name {type_name} is not valid.")


class InvalidAggregator(SSMException):
    """GetInventory's aggregators are not simulated."""

    def __init__(self) -> None:
        super().__init__(
            "InvalidAggregatorException", "Aggregators are not part of the simulated AWS."
        )


class ItemContentMismatch(SSMException):
    """An upload by hash only, and the hash is not the stored one."""

    def __init__(self, type_name: str) -> None:
        super().__init__(
            "ItemContentMismatchException", f"The content hash of {type_name} does not match."
        )


class TotalSizeLimitExceeded(SSMException):
    """An inventory upload above 1 MB."""

    def __init__(self) -> None:
        super().__init__(
            "TotalSizeLimitExceededException", "The size of the inventory data exceeds 1 MB."
        )


class BaselineDoesNotExist(SSMException):
    """A baseline id or ARN that is not in this account and Region."""

    def __init__(self, baseline_id: str) -> None:
        super().__init__("DoesNotExistException", f"Patch baseline {baseline_id} does not exist.")


class InvalidBaselineId(SSMException):
    """Neither a baseline id nor the ARN of a baseline."""

    def __init__(self, baseline_id: str) -> None:
        super().__init__("InvalidResourceId", f"{baseline_id} is no patch baseline id.")


class PatchGroupTaken(SSMException):
    """The patch group has another own baseline for this operating system."""

    def __init__(self, patch_group: str, operating_system: str) -> None:
        super().__init__(
            "AlreadyExistsException",
            f"Patch Group {patch_group} already has a baseline registered "
            f"for OperatingSystem {operating_system}.",
        )


class InvalidResourceId(SSMException):
    """A tag was meant for a node that is not managed here."""

    def __init__(self) -> None:
        super().__init__("InvalidResourceId", "Invalid Resource Id")


class InvalidDocument(SSMException):
    """No such document, or not the one that was pinned by its hash."""

    def __init__(self, message: str) -> None:
        super().__init__("InvalidDocument", message)


class InvalidDocumentVersion(SSMException):
    """The document has no such version."""

    def __init__(self, version: str) -> None:
        super().__init__("InvalidDocumentVersion", f"Version {version} does not exist.")


class InvalidParameters(SSMException):
    """A parameter that the document does not take, or not so."""

    def __init__(self, message: str) -> None:
        super().__init__("InvalidParameters", message)


class NotInValidState(SSMException):
    """SendCommand names a node that is no live managed node; the whole call is refused."""

    def __init__(self, instance_ids: Iterable[str], account: str) -> None:
        listed = ", ".join(instance_ids)
        super().__init__(
            "InvalidInstanceId",
            f"Instances [[{listed}]] not in a valid state for account {account}",
        )


class DuplicateInstanceId(SSMException):
    """The same node twice in one SendCommand."""

    def __init__(self) -> None:
        super().__init__("DuplicateInstanceId", "An instance id is specified twice.")


class InvalidCommandId(SSMException):
    """No command of this account and Region."""

    def __init__(self) -> None:
        super().__init__("InvalidCommandId", "The specified command id does not exist.")


class InvocationDoesNotExist(SSMException):
    """The command did not go to that node, or is not to be seen yet."""

    def __init__(self) -> None:
        super().__init__("InvocationDoesNotExist", "The command invocation does not exist.")


class InvalidPluginName(SSMException):
    """A document of several steps needs the name of one of them."""

    def __init__(self) -> None:
        super().__init__("InvalidPluginName", "The plugin name is not valid.")
