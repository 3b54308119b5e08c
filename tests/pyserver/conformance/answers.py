"""What a client reads of an answer: its code, and the details of a refusal."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from cart_recovery.v1.scoring_pb2 import ScoreRequest, Trigger

PUSHBACK = "grpc-retry-pushback-ms"


@dataclass(frozen=True)
class Refusal:
    """All that a refusal tells."""

    code: grpc.StatusCode
    message: str
    reason: str
    domain: str
    fields: tuple[str, ...]
    retry_millis: int | None
    pushback_millis: int | None


def error_of(call: Callable[[], object]) -> Any:
    """The error that the call ends with."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value


def refusal_of(call: Callable[[], object]) -> Refusal:
    """The refusal that the call ends with, its details included."""
    error = error_of(call)
    status = rpc_status.from_call(error)
    assert status is not None, f"{error.code()} has no details"
    assert (status.code, status.message) == (error.code().value[0], error.details())
    bad, info, retry = error_details_pb2.BadRequest(), error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    has = [any(detail.Unpack(one) for detail in status.details) for one in (bad, info, retry)]
    assert has[1]
    pushback = [int(value) for key, value in error.trailing_metadata() if key == PUSHBACK]
    return Refusal(
        code=error.code(),
        message=status.message,
        reason=info.reason,
        domain=info.domain,
        fields=tuple(violation.field for violation in bad.field_violations),
        retry_millis=retry.retry_delay.ToMilliseconds() if has[2] else None,
        pushback_millis=pushback[0] if pushback else None,
    )


def code_of(call: Callable[[], object]) -> grpc.StatusCode:
    """The code that the call ends with."""
    try:
        call()
    except grpc.RpcError as error:
        code: grpc.StatusCode = error.code()  # type: ignore[attr-defined]
        return code
    return grpc.StatusCode.OK


def score_request(customer_id: str = "ada", *, storefront_id: str = "shop") -> ScoreRequest:
    """A checkout asks about the shopper's cart."""
    request = ScoreRequest(
        storefront_id=storefront_id,
        cart_id=f"cart-{customer_id}",
        trigger=Trigger.TRIGGER_CHECKOUT_CALL,
        candidate_count=4,
    )
    request.identity.customer_id = customer_id
    return request
