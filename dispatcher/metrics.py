"""What the dispatcher counts. No label holds an id or anything of a person."""

from prometheus_client import Counter, Gauge, Histogram, start_http_server

from cart_recovery.v1.channel_pb2 import Channel
from cart_recovery.v1.message_pb2 import MessageOutcome
from cart_recovery.v1.reason_pb2 import Reason

DECISIONS = Counter("dispatcher_decisions_total", "Decision records read from the journal.", ["channel"])
OUTCOMES = Counter("dispatcher_outcomes_total", "Touches by how they ended.", ["channel", "outcome", "reason"])
WAITS = Counter("dispatcher_waits_total", "Touches scheduled again.", ["channel"])
PROVIDER_CALLS = Counter("dispatcher_provider_calls_total", "Calls of providers by result.", ["provider", "result"])
PROVIDER_SECONDS = Histogram("dispatcher_provider_seconds", "Duration of provider calls.", ["provider"])
CANCELLED = Counter("dispatcher_cancelled_total", "Pending touches dropped after an order or opt-out.", ["channel"])
REDELIVERIES = Counter("dispatcher_redeliveries_total", "Messages that came again after a failure.", ["consumer"])
DEAD_LETTERS = Counter("dispatcher_dead_letters_total", "Messages given up.", ["consumer"])
IN_HAND = Gauge("dispatcher_in_hand", "Messages being processed.", ["consumer"])
SCORER_AWAY = Counter("dispatcher_scorer_away_total", "Steps put off because the scorer could not answer.")
HTTP_REFUSALS = Counter("dispatcher_http_refusals_total", "Links refused by the HTTP face.")


def serve(host: str, port: int) -> None:
    """Opens the page that Prometheus reads, for as long as the process lives. Raises OSError."""
    start_http_server(port, addr=host)


def count_outcome(outcome: MessageOutcome) -> None:
    """Counts a touch that ended."""
    kind = outcome.WhichOneof("outcome") or ""
    reason = Reason.Name(outcome.skipped.reason) if kind == "skipped" else ""
    OUTCOMES.labels(Channel.Name(outcome.channel), kind, reason).inc()
