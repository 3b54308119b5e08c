"""What server reflection tells of, on either front: the services, and the files that describe them.

Reflection itself is served as `grpc.reflection.v1` and, for older clients, as `v1alpha`. The messages are the same, so
the file of `v1` is that of `v1alpha` under the other name.
"""

from google.protobuf import text_format
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
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
    """The files of all services and of everything they import, each behind its imports."""
    files: dict[str, FileDescriptorProto] = {}

    def add(file: FileDescriptor) -> None:
        for imported in file.dependencies:
            add(imported)
        files[file.name] = FileDescriptorProto.FromString(file.serialized_pb)

    for file in (event_pb2, scoring_pb2, health_pb2, reflection_pb2):
        add(file.DESCRIPTOR)
    return FileDescriptorSet(file=[*files.values(), _reflection_v1()])


def _reflection_v1() -> FileDescriptorProto:
    text = text_format.MessageToString(FileDescriptorProto.FromString(reflection_pb2.DESCRIPTOR.serialized_pb))
    return text_format.Parse(text.replace("v1alpha", "v1"), FileDescriptorProto())
