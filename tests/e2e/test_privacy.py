"""Nothing personal lies anywhere: not in the streams' files, the spool, the logs, the metrics or the bundles."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
import pytest
from nacl.public import PrivateKey, SealedBox

from cart_recovery.keys import dispatcher_keys
from cart_recovery.v1.event_pb2 import ACKNOWLEDGE_JOURNALED, Event
from cart_recovery.v1.journal_pb2 import ContactSecret, TokenRecord
from tests.harness.deployment import Deployment, deployed
from tests.harness.journal import Stored, read_stream
from tests.harness.policy import HOST
from tests.harness.search import find, find_in_files
from tests.harness.shop import Shop, Shopper
from tests.harness.smtp_sink import Behaviour
from tests.harness.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

REFUSED = Shopper(
    customer_id="customer-qvzr-wrong",
    anonymous_id="device-qvzr-wrong",
    session_id="session-qvzr-wrong",
    email="qvzr.wrong at mail.example",
    phone="0170-77755533311",
    name="Qvzrine Wrongworth",
    cart_id="cart-qvzr-wrong",
    restore_url="ftp://shop.example/qvzr/wrong?key=qvzr-wrong-secret",
)
"""Somebody whose every value is malformed, so that refusals and their logs hold them if anything does."""

WRITTEN_TO = Shopper(
    customer_id="customer-qvzr-first",
    anonymous_id="device-qvzr-first",
    session_id="session-qvzr-first",
    email="Qvzrella.Firstborn+cart@mail.example",
    phone="+4917077755533",
    name="Qvzrella Firstborn-Müller",
    cart_id="cart-qvzr-first",
    restore_url=f"https://{HOST}/restore/qvzr-first?key=qvzr-first-secret",
)

BOUNCED = Shopper(
    customer_id="customer-qvzr-second",
    anonymous_id="device-qvzr-second",
    session_id="session-qvzr-second",
    email="qvzrus.second@mail.example",
    phone="+4917077755544",
    name="Qvzrus Secondson",
    cart_id="cart-qvzr-second",
    restore_url=f"https://{HOST}/restore/qvzr-second?key=qvzr-second-secret",
)

QUERY = "qvzr query of qvzrella.firstborn@mail.example"
REFERRER_SECRET = "qvzr-referrer-secret"
ORDER_ID = f"order-{WRITTEN_TO.cart_id}"


@dataclass(frozen=True)
class Traces:
    """Everything a run left behind."""

    deployment: Deployment
    spool: Path
    """A copy of the spool while NATS was away."""
    metrics: str
    contacts: list[Stored]
    """CONTACTS before the end."""


def values_of(shopper: Shopper) -> list[str]:
    """Every value of a person that must not be found, parts of the name and address included."""
    local_part = re.split(r"[@ ]", shopper.email)[0]
    return [*vars(shopper).values(), local_part, *shopper.name.split(), shopper.phone.lstrip("+0")]


SECRETS = [
    *values_of(WRITTEN_TO), *values_of(BOUNCED), *values_of(REFUSED), QUERY, REFERRER_SECRET, ORDER_ID,
    "qvzr-first-secret", "qvzr-second-secret", "qvzr-wrong-secret",
]  # fmt: skip


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traces]:
    with deployed(tmp_path_factory.mktemp("privacy"), log_level="debug") as deployment:
        deployment.start()
        shop = Shop(seed=61)
        send_wrong_things(deployment, shop)
        deployment.sink.plan(BOUNCED.email, Behaviour.NEVER)
        deployment.track_all([*shop.abandoning(WRITTEN_TO), *shop.abandoning(BOUNCED), telling(shop)])
        follow_links(deployment)
        deployment.wait_and_read("message_outcome.failed")
        with deployment.client() as client:
            client.score(shop.score(WRITTEN_TO))
            client.track(shop.ordered(WRITTEN_TO), acknowledge=ACKNOWLEDGE_JOURNALED)
        spool = spool_without_nats(deployment, shop)
        metrics = deployment.metrics_text()
        contacts = read_stream(deployment.nats_url, "CONTACTS")
        assert deployment.dispatcher.stop() == 0
        assert deployment.scorer.stop() == 0
        deployment.nats.stop()
        yield Traces(deployment, spool, metrics, contacts)


def test_the_search_finds_a_value_in_every_form(tmp_path: Path) -> None:
    from base64 import b64encode, urlsafe_b64encode
    from urllib.parse import quote

    value = WRITTEN_TO.email
    forms = [value.encode(), value.upper().encode(), quote(value).encode(), value.encode().hex().upper().encode()]
    forms += [
        encode(b"x" * shift + value.encode() + b"yz") for shift in range(3) for encode in (b64encode, urlsafe_b64encode)
    ]
    for form in forms:
        assert list(find([value], b"\x00before" + form + b"after")), form
    (tmp_path / value).touch()
    assert find_in_files([value], tmp_path)


def test_the_streams_hold_nothing_personal(traces: Traces) -> None:
    store = traces.deployment.settings.nats_directory
    assert any(store.rglob("*.blk")), "there are no message files to search"
    assert find_in_files(SECRETS, store) == []


def test_contacts_are_kept_so_that_the_dispatcher_alone_can_read_them(traces: Traces) -> None:
    box = SealedBox(PrivateKey(dispatcher_keys(traces.deployment.settings.keys_directory).contact))
    sealed = {kept.subject: kept.payload for kept in traces.contacts if kept.subject.startswith("contact.")}
    secrets = [ContactSecret.FromString(box.decrypt(payload)) for payload in sealed.values()]
    assert {WRITTEN_TO.email, WRITTEN_TO.phone, BOUNCED.email} <= {secret.address for secret in secrets}
    tokens = [kept for kept in traces.contacts if kept.subject.startswith("token.")]
    assert tokens
    assert {len(TokenRecord.FromString(kept.payload).alias) for kept in tokens} == {16}
    assert len(tokens) + len(sealed) == len({kept.subject for kept in traces.contacts})


def test_the_spool_holds_nothing_personal(traces: Traces) -> None:
    assert sum(path.stat().st_size for path in traces.spool.rglob("*") if path.is_file()) > 0
    assert find_in_files(SECRETS, traces.spool) == []
    assert find_in_files(SECRETS, traces.deployment.data_directory / "spool") == []


def test_the_logs_hold_nothing_personal(traces: Traces) -> None:
    for child in (traces.deployment.scorer, traces.deployment.dispatcher):
        content = child.log_path.read_bytes()
        assert content
        assert list(find(SECRETS, content)) == [], child.name


def test_the_metrics_hold_nothing_personal(traces: Traces) -> None:
    assert "cart_recovery_events_accepted_total" in traces.metrics
    assert list(find(SECRETS, traces.metrics.encode())) == []


def test_the_rest_of_the_data_directory_holds_nothing_personal(traces: Traces) -> None:
    assert find_in_files(SECRETS, traces.deployment.data_directory) == []


def send_wrong_things(deployment: Deployment, shop: Shop) -> None:
    """Has everything of one person refused."""
    with deployment.client() as client:
        for event in [*shop.abandoning(REFUSED), shop.ordered(REFUSED)]:
            with pytest.raises(grpc.RpcError):
                client.track(event)
        with pytest.raises(grpc.RpcError):
            client.score(shop.score(REFUSED))


def telling(shop: Shop) -> Event:
    """A search whose words and referrer tell who searches."""
    event = shop.event(WRITTEN_TO)
    event.products_searched.query = QUERY
    event.context.referrer = f"https://{HOST}/search?q={REFERRER_SECRET}#{REFERRER_SECRET}"
    return event


def follow_links(deployment: Deployment) -> None:
    """Opens every link of the e-mail that arrived, and unsubscribes."""
    arrived = eventually(lambda: deployment.sink.deliveries(WRITTEN_TO.email), within=40, what="the e-mail")
    part = arrived[0].message.get_body(("plain",))
    assert part is not None
    for link in re.findall(rf"http://{re.escape(deployment.http_address)}/[cp]/[\w-]+", str(part.get_content())):
        httpx.get(link, follow_redirects=False)
    answer = httpx.post(str(arrived[0].message["List-Unsubscribe"]).strip("<>"), data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    deployment.wait_and_read("message_outcome.clicked")


def spool_without_nats(deployment: Deployment, shop: Shop) -> Path:
    """Tracks while NATS is away and copies the spool that keeps it."""
    deployment.nats.stop()
    deployment.track_all([*shop.abandoning(WRITTEN_TO), telling(shop), shop.ordered(BOUNCED)])
    copy = deployment.directory / "spool-copy"
    shutil.copytree(deployment.data_directory / "spool", copy)
    deployment.nats.start()
    deployment.wait_until_published()
    return copy
