"""The one place where a refusal becomes a gRPC status or a rejection in a stream."""

from typing import NoReturn

import grpc
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from cart_recovery.v1 import event_pb2, reason_pb2
from rust_features import Refused

PUSHBACK_KEY = "grpc-retry-pushback-ms"
"""Trailing metadata that tells a gRPC client's retry policy how long to wait."""

_DOMAIN = "cart_recovery"
_STREAMS_RETRY_MILLIS = 1000


def too_many_streams(limit: int) -> Refused:
    """The refusal of a stream beyond the bound: the one that the engine does not know of, in the form of its own."""
    reason = reason_pb2.Reason.Name(reason_pb2.REASON_TOO_MANY_WAITERS)
    message = f"All {limit} places for open streams are taken; close one, or try again after the given delay."
    status = status_pb2.Status(code=code_pb2.RESOURCE_EXHAUSTED, message=message)
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.FromMilliseconds(_STREAMS_RETRY_MILLIS)
    for detail in (error_details_pb2.ErrorInfo(reason=reason, domain=_DOMAIN), retry):
        status.details.add().Pack(detail)
    refused = Refused(f"{reason}: {message}")
    refused.code, refused.reason, refused.status = status.code, reason, status.SerializeToString()
    return refused


def abort(context: grpc.ServicerContext, refused: Refused) -> NoReturn:
    """Ends the call with the refusal's status, its details, and the pushback where waiting helps."""
    status = status_pb2.Status.FromString(refused.status)
    answer = rpc_status.to_status(status)
    pushback = _retry_millis(status)
    trailing = list(answer.trailing_metadata or ())
    if pushback is not None:
        trailing.append((PUSHBACK_KEY, str(pushback)))
    context.set_trailing_metadata(tuple(trailing))
    context.abort(answer.code, answer.details)


def rejection(refused: Refused) -> event_pb2.Rejection:
    """The refusal of one event of a stream that goes on."""
    status = status_pb2.Status.FromString(refused.status)
    violations: list[event_pb2.FieldViolation] = []
    for detail in status.details:
        request = error_details_pb2.BadRequest()
        if detail.Unpack(request):
            violations.extend(
                event_pb2.FieldViolation(field=one.field, description=one.description)
                for one in request.field_violations
            )
    return event_pb2.Rejection(code=status.code, message=status.message, violations=violations)


def _retry_millis(status: status_pb2.Status) -> int | None:
    for detail in status.details:
        retry = error_details_pb2.RetryInfo()
        if detail.Unpack(retry):
            return int(retry.retry_delay.ToMilliseconds())
    return None
