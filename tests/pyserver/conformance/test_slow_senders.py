"""How long a caller takes to send its request is no wait in a queue."""

import time

from cart_recovery.settings import Settings
from pyserver.reflection import EVENT_SERVICE
from tests.pyserver.conformance.http2 import DATA, head, message, next_frame, open_connection
from tests.pyserver.conftest import added, alone

OBJECTIVE_MILLIS = 500


def test_a_message_that_comes_long_after_its_head_is_answered(settings: Settings) -> None:
    with (
        alone(settings.model_copy(update={"objective_ms": OBJECTIVE_MILLIS})) as scorer,
        open_connection(scorer.front.port) as connection,
        connection.makefile("rb") as answers,
    ):
        connection.sendall(head(f"/{EVENT_SERVICE}/Track"))
        time.sleep(2 * OBJECTIVE_MILLIS / 1000)
        connection.sendall(message(added("one").SerializeToString()))
        # A refusal brings a head alone.
        while next_frame(answers)[0] != DATA:
            pass
        assert scorer.engine.status().counters["events_accepted"] == 1
