"""A gRPC server that takes what a scorer takes, for tests of the callers: it parses every request and answers.

`python -m tests.loadtests.peer` prints its port and answers until its input closes.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import grpc

from cart_recovery.v1.event_pb2 import TrackRequest, TrackResponse
from cart_recovery.v1.scoring_pb2 import ScoreRequest, ScoreResponse


def track(request: TrackRequest, context: grpc.ServicerContext) -> TrackResponse:
    """Accepts an event that names a kind."""
    if request.event.WhichOneof("kind") is None:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no kind")
    return TrackResponse(spool_offset=1)


def score(request: ScoreRequest, context: grpc.ServicerContext) -> ScoreResponse:
    """Answers for a cart that holds something."""
    if not request.cart.lines:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no cart")
    return ScoreResponse(decision_id=request.cart.cart_id)


def main() -> None:
    """Runs until the standard input closes."""
    server = grpc.server(ThreadPoolExecutor(8))
    taken = grpc.unary_unary_rpc_method_handler(track, TrackRequest.FromString, TrackResponse.SerializeToString)
    scored = grpc.unary_unary_rpc_method_handler(score, ScoreRequest.FromString, ScoreResponse.SerializeToString)
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler("cart_recovery.v1.EventService", {"Track": taken}),
            grpc.method_handlers_generic_handler("cart_recovery.v1.ScoringService", {"Score": scored}),
        )
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(None).wait()


if __name__ == "__main__":
    main()
