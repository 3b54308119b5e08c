"""The one place where a refusal becomes a gRPC status of the grpcio front."""

from typing import NoReturn

import grpc
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from rust_features import Refused

PUSHBACK_KEY = "grpc-retry-pushback-ms"
"""Trailing metadata that tells a gRPC client's retry policy how long to wait."""


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


def _retry_millis(status: status_pb2.Status) -> int | None:
    for detail in status.details:
        retry = error_details_pb2.RetryInfo()
        if detail.Unpack(retry):
            return int(retry.retry_delay.ToMilliseconds())
    return None
