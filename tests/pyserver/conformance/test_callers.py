"""Who a caller is, and how much it may ask: TLS, certificates, and the quota of each caller."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest
from cryptography import x509

from cart_recovery.settings import Settings, TlsSettings
from cart_recovery.v1.event_pb2 import TrackStreamRequest
from cart_recovery.v1.event_pb2_grpc import EventServiceStub
from dispatcher.scorer import Scorer as DispatchersScorer
from dispatcher.scorer import ScorerAway
from dispatcher.settings import ScorerTls
from pyserver.process import Scorer
from pyserver.tls import TlsUnusable
from tests.pyserver.conformance.answers import code_of, refusal_of
from tests.pyserver.conformance.certificates import Authority, Signed, loopback
from tests.pyserver.conftest import added, alone

QUOTA = 3


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def tls_files(directory: Path, authority: Authority, *, client_ca: bytes | None = None) -> TlsSettings:
    """What a scorer on this machine shows."""
    own = authority.sign("scorer", *loopback())
    files = {"certificate_file": own.certificate, "key_file": own.key, "client_ca_file": client_ca}
    for name, content in files.items():
        if content is not None:
            (directory / name).write_bytes(content)
    return TlsSettings(**{name: directory / name for name, content in files.items() if content is not None})


def secure(stack: ExitStack, scorer: Scorer, authority: Authority, own: Signed | None = None) -> EventServiceStub:
    """A client that trusts the authority and shows a certificate of its own."""
    credentials = grpc.ssl_channel_credentials(
        authority.certificate, own.key if own else None, own.certificate if own else None
    )
    address = f"127.0.0.1:{scorer.front.port}"
    options = [("grpc.use_local_subchannel_pool", 1)]
    return EventServiceStub(stack.enter_context(grpc.secure_channel(address, credentials, options=options)))


def test_tls_answers_who_trusts_it_and_nobody_in_plain_text(
    settings: Settings, tmp_path: Path, authority: Authority
) -> None:
    tls = tls_files(tmp_path, authority)
    with alone(settings.model_copy(update={"tls": tls})) as scorer, ExitStack() as stack:
        assert secure(stack, scorer, authority).Track(added("one"), timeout=5).spool_offset >= 0
        strangers = secure(stack, scorer, Authority())
        assert code_of(lambda: strangers.Track(added("two"), timeout=5)) == grpc.StatusCode.UNAVAILABLE
        plain = EventServiceStub(stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{scorer.front.port}")))
        assert code_of(lambda: plain.Track(added("three"), timeout=5)) == grpc.StatusCode.UNAVAILABLE


def test_a_caller_without_a_known_certificate_is_not_let_in(
    settings: Settings, tmp_path: Path, authority: Authority
) -> None:
    callers = Authority()
    tls = tls_files(tmp_path, authority, client_ca=callers.certificate)
    with alone(settings.model_copy(update={"tls": tls})) as scorer, ExitStack() as stack:
        known = secure(stack, scorer, authority, callers.sign("checkout"))
        assert known.Track(added("one"), timeout=5).spool_offset >= 0
        for own in (None, Authority().sign("checkout")):
            stranger = secure(stack, scorer, authority, own)
            assert code_of(lambda stranger=stranger: stranger.Track(added("two"), timeout=5)) == (
                grpc.StatusCode.UNAVAILABLE
            )


def test_the_dispatcher_shows_its_certificate(settings: Settings, tmp_path: Path, authority: Authority) -> None:
    callers = Authority()
    tls = tls_files(tmp_path, authority, client_ca=callers.certificate)
    own, strange = callers.sign("dispatcher"), Authority().sign("dispatcher")

    async def track(target: str, shown: Signed) -> None:
        trusted = ScorerTls(authority.certificate, shown.certificate, shown.key)
        scorer = DispatchersScorer(target, tls=trusted, patience_seconds=0.5)
        try:
            await scorer.track(added("one").event)
        finally:
            await scorer.close()

    with alone(settings.model_copy(update={"tls": tls})) as scorer:
        asyncio.run(track(f"127.0.0.1:{scorer.front.port}", own))
        assert scorer.engine.status().counters["events_accepted"] == 1
        with pytest.raises(ScorerAway):
            asyncio.run(track(f"127.0.0.1:{scorer.front.port}", strange))


NAMES = {
    "common name": ((), "checkout"),
    "uri": ((x509.UniformResourceIdentifier("spiffe://shop/checkout"), x509.DNSName("other.shop")), "checkout"),
    "address": (loopback()[1:], "checkout"),
}


@pytest.mark.parametrize("kind", NAMES)
def test_each_certificate_has_a_quota_of_its_own(
    settings: Settings, tmp_path: Path, authority: Authority, kind: str
) -> None:
    names, common_name = NAMES[kind]
    tls = tls_files(tmp_path, authority, client_ca=authority.certificate)
    limited = settings.model_copy(update={"tls": tls, "quota_calls_per_second": QUOTA})
    with alone(limited) as scorer, ExitStack() as stack:
        # Two certificates of one name are one caller.
        same = [secure(stack, scorer, authority, authority.sign(common_name, *names)) for _ in range(2)]
        codes = [code_of(lambda at=at: same[at % 2].Track(added(f"{at}"), timeout=5)) for at in range(4 * QUOTA)]
        assert codes[:QUOTA] == [grpc.StatusCode.OK] * QUOTA
        assert grpc.StatusCode.RESOURCE_EXHAUSTED in codes
        other = secure(stack, scorer, authority, authority.sign("another", x509.DNSName("another.shop")))
        assert other.Track(added("other"), timeout=5).spool_offset >= 0


def test_names_that_are_no_text_are_nobodys(settings: Settings, tmp_path: Path, authority: Authority) -> None:
    tls = tls_files(tmp_path, authority, client_ca=authority.certificate)
    # What a Windows domain puts first: a user's principal name.
    principal = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x01a")
    shown = [
        ("one", principal, x509.DNSName("one.shop")),
        ("two", principal, x509.DNSName("two.shop")),
        ("three", principal),
    ]
    limited = settings.model_copy(update={"tls": tls, "quota_calls_per_second": 1})
    with alone(limited) as scorer, ExitStack() as stack:
        for name, *alternatives in [*shown, ("four", principal)]:
            caller = secure(stack, scorer, authority, authority.sign(name, *alternatives))
            assert caller.Track(added(name), timeout=5).spool_offset >= 0


def test_over_its_quota_a_caller_is_told_when_the_next_call_is_free(
    settings: Settings, connect: Callable[[Scorer], grpc.Channel]
) -> None:
    with alone(settings.model_copy(update={"quota_calls_per_second": 1})) as scorer:
        events = EventServiceStub(connect(scorer))
        events.Track(added("one"), timeout=5)
        refusal = refusal_of(lambda: events.Track(added("two"), timeout=5))
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "REASON_QUOTA_EXCEEDED")
        assert refusal.retry_millis is not None and 0 < refusal.retry_millis <= 1000
        assert refusal.retry_millis == refusal.pushback_millis
        # Each event of a stream is a call of its caller, which is its address where it shows no certificate.
        requests = [TrackStreamRequest(track=added(f"streamed-{number}")) for number in range(2)]
        answers = list(events.TrackStream(iter(requests), timeout=5))
        assert [answer.rejected.code for answer in answers] == [grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]] * 2
        counted = scorer.calls.refusals()
        assert counted[("Track", "REASON_QUOTA_EXCEEDED")] == 1
        assert counted[("TrackStream", "REASON_QUOTA_EXCEEDED")] == 2


@pytest.mark.parametrize("broken", ["certificate_file", "key_file", "client_ca_file"])
@pytest.mark.parametrize("content", [None, b"", b"no PEM", "of another"])
def test_files_that_cannot_be_used_are_named(
    settings: Settings, tmp_path: Path, authority: Authority, broken: str, content: bytes | str | None
) -> None:
    tls = tls_files(tmp_path, authority, client_ca=authority.certificate)
    if content == "of another":
        if broken == "client_ca_file":
            pytest.skip("any CA may vouch for callers")
        other = authority.sign("other")
        content = {"certificate_file": other.certificate, "key_file": other.key}[broken]
    if content is None:
        (tmp_path / broken).unlink()
    else:
        (tmp_path / broken).write_bytes(bytes(content))
    with pytest.raises(TlsUnusable, match=r"tls\.\w+_file: .*" + broken):
        Scorer(settings.model_copy(update={"tls": tls}))
