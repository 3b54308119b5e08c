"""What server reflection tells of, on either front: the services, and the files that describe them.

Reflection itself is served as `grpc.reflection.v1` and, for older clients, as `v1alpha`. The messages are the same, so
the file of `v1` is that of `v1alpha` under the other name.
"""

from typing import Any

from google.protobuf import text_format
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.rpc import error_details_pb2
from grpc_health.v1 import health, health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from cart_recovery.v1 import event_pb2, scoring_pb2

EVENT_SERVICE = event_pb2.DESCRIPTOR.services_by_name["EventService"].full_name
"""Full name of the service that takes events."""

SCORING_SERVICE = scoring_pb2.DESCRIPTOR.services_by_name["ScoringService"].full_name
"""Full name of the service that decides."""

HEALTH_SERVICE: str = health.SERVICE_NAME
"""Full name of the service that tells health."""

REFLECTION_SERVICES = ("grpc.reflection.v1.ServerReflection", reflection.SERVICE_NAME)
"""Both full names of reflection itself."""

SERVICES = (EVENT_SERVICE, SCORING_SERVICE, HEALTH_SERVICE, *REFLECTION_SERVICES)
"""What reflection lists."""


def described() -> FileDescriptorSet:
    """The files of all services, of the details of refusals, and of everything they import, each behind its imports."""
    files: dict[str, FileDescriptorProto] = {}

    def add(file: FileDescriptor) -> None:
        for imported in file.dependencies:
            add(imported)
        files[file.name] = FileDescriptorProto.FromString(file.serialized_pb)

    for file in (event_pb2, scoring_pb2, health_pb2, reflection_pb2, error_details_pb2):
        add(file.DESCRIPTOR)
    return FileDescriptorSet(file=[*files.values(), _reflection_v1()])


class DescribedPool:
    """A descriptor pool of all that is described; other than protobuf's own it finds the file of a method as well, as
    clients such as ghz ask."""

    def __init__(self) -> None:
        self._pool = DescriptorPool()
        for file in described().file:
            self._pool.Add(file)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    def FindFileContainingSymbol(self, symbol: str) -> FileDescriptor:  # noqa: N802 (protobuf names it)
        """The file that defines a name in full. Raises KeyError."""
        try:
            return self._pool.FindFileContainingSymbol(symbol)
        except KeyError:
            service, _, method = symbol.rpartition(".")
            return self._pool.FindServiceByName(service).methods_by_name[method].containing_service.file


def _reflection_v1() -> FileDescriptorProto:
    text = text_format.MessageToString(FileDescriptorProto.FromString(reflection_pb2.DESCRIPTOR.serialized_pb))
    return text_format.Parse(text.replace("v1alpha", "v1"), FileDescriptorProto())
