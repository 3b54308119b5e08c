"""Measures a running scorer under a realistic mix of calls, Score and both fronts over empty gRPC echoes, the calls a
second that a scorer keeps up, the rate of a backtest, of a replay or of catching up with the journal, or the engine
against its peers, each in an environment of its own that is made on the first use; or tries at length what has to hold.

Examples:
  cart-recovery loadtest run --users 50 --slo-p99-ms 5 --report report.html
  cart-recovery loadtest echo --actions 8 --json
  cart-recovery loadtest capacity --front native --slo-p99-ms 5 --report capacity.html
  cart-recovery loadtest backtest --events 3000000
  cart-recovery loadtest fronts --json
  cart-recovery loadtest trees --json
  cart-recovery loadtest compare --page docs/comparisons.md
  cart-recovery loadtest try soak fuzz --page docs/trials.md

"""

import argparse
import socket
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from cart_recovery.exits import EXIT_DONE, EXIT_USAGE, CommandError
from cart_recovery.options import add_json_option, add_settings_options, add_subcommand, settings_of
from cart_recovery.terminal import Progress, note, print_json

if TYPE_CHECKING:
    from cart_recovery.options import Subcommands


class _Report(Protocol):
    """What a benchmark measured."""

    def as_json(self) -> dict[str, Any]:
        """JSON values."""


_ReportT = TypeVar("_ReportT", bound=_Report)

_CONNECT_SECONDS = 5.0
_RESULTS = Path("docs/measured")
COMPARISONS = {
    "trees": "32 actions through one tree model: tl2cgen, lleaves, treelite GTIL, LightGBM",
    "mlserver": "Score against MLServer with the same model over gRPC",
    "feast": "Score against Feast's online retrieval, on Redis and on SQLite",
    "replay": "feature rows of a journal against polars and DuckDB",
    "state-size": "memory of an idle customer against a Redis hash; needs Rust",
    "fronts": "both fronts over empty grpcio and tonic echoes; needs Rust",
    "spool": "Score with a spool over Score without one, in process and over the native front; needs Rust",
    "fold": "events a second that one core folds; needs Rust",
    "catch-up": "messages a second of a start without a snapshot, beside the client alone",
    "restart": "a start with a snapshot of ten million customers, and their memory; needs Rust",
}
TRIALS = {
    "capacities": "the capacity of both fronts, found twice, and five times as much; takes long",
    "kills": "SIGKILL under load, more than a thousand times; needs the source tree, takes long",
    "fuzz": "ten million executions over all fuzz targets; needs Rust",
    "identity": "a million customers at shared devices, compared with the truth; needs Rust",
    "soak": "fifty million events of a year, and the growth of memory; needs Rust",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    run_parser = add_subcommand(
        kinds,
        "run",
        "Locust users against a running scorer; its journal keeps their events",
        "loadtest run --users 50 --slo-p99-ms 5 --report report.html",
    )
    run_parser.add_argument("--users", type=int, default=20, help="simulated callers (default: %(default)s)")
    run_parser.add_argument("--seconds", type=int, default=30, help="how long (default: %(default)s)")
    run_parser.add_argument("--slo-p99-ms", type=float, help="exit with 3 where any kind of call has a higher p99")
    run_parser.add_argument("--report", type=Path, metavar="FILE", help="write the HTML report there")
    echo = add_subcommand(
        kinds, "echo", "Score over an empty gRPC echo of the same sizes, in one run", "loadtest echo --actions 8 --json"
    )
    echo.add_argument("--actions", type=int, nargs="+", default=[8, 32], help="candidate actions of each run")
    echo.add_argument("--customers", type=int, default=100_000, help="customers in memory (default: %(default)s)")
    capacity = add_subcommand(
        kinds,
        "capacity",
        "calls a second that a scorer keeps up within an objective, open loop",
        "loadtest capacity --front native --slo-p99-ms 5 --report capacity.html",
    )
    capacity.add_argument("--front", choices=["grpcio", "native"], default="grpcio", help="default: %(default)s")
    capacity.add_argument("--slo-p99-ms", type=float, default=5.0, help="the objective (default: %(default)s)")
    capacity.add_argument("--report", type=Path, metavar="FILE", help="write the HTML report there")
    capacity.add_argument("--quick", action="store_true", help="short steps and no overload, to see that it runs")
    backtest = add_subcommand(
        kinds, "backtest", "events a second of an offline run, decisions included", "loadtest backtest --json"
    )
    backtest.add_argument(
        "--events", type=int, default=3_000_000, help="simulated events of each mix (default: %(default)s)"
    )
    replay_rate = add_subcommand(
        kinds,
        "replay-rate",
        "messages and rows a second of a journal's replay into feature rows",
        "loadtest replay-rate --json",
    )
    replay_rate.add_argument(
        "--events", type=int, default=1_000_000, help="simulated events of each mix (default: %(default)s)"
    )
    alone = [_alone_parser(kinds, name, purpose) for name, purpose in (COMPARISONS | TRIALS).items()]
    for one in (run_parser, echo, capacity, backtest, replay_rate, *alone):
        add_settings_options(one)
        add_json_option(one)
    _add_page_parser(kinds, "compare", "comparison", COMPARISONS, "trees replay", "docs/comparisons.md")
    _add_page_parser(kinds, "try", "trial", TRIALS, "soak fuzz", "docs/trials.md")


def _alone_parser(kinds: "Subcommands", name: str, purpose: str) -> argparse.ArgumentParser:
    parser = add_subcommand(kinds, name, purpose, f"loadtest {name} --json")
    parser.add_argument("--quick", action="store_true", help="a little of everything, to see that it runs")
    return parser


def _add_page_parser(kinds: "Subcommands", name: str, one: str, purposes: dict[str, str], some: str, page: str) -> None:
    parser = add_subcommand(
        kinds,
        name,
        f"every {one}, or those named; their results are kept, and the page is written from all that are",
        f"loadtest {name} {some} --results {_RESULTS} --page {page}",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one or more of {', '.join(purposes)}")
    parser.add_argument("--quick", action="store_true", help="a little of everything, to see that it runs")
    parser.add_argument(
        "--results",
        type=Path,
        metavar="DIR",
        help=f"where results are kept (default: {_RESULTS}, and with --quick nowhere)",
    )
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the page there")
    add_settings_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    kinds = {
        "run": _load,
        "echo": _echo,
        "capacity": _capacity,
        "backtest": _backtest,
        "replay-rate": _replay_rate,
        "compare": _page,
        "try": _page,
    }
    return kinds.get(options.kind, _alone)(options)


def _told(options: argparse.Namespace, report: _ReportT, render: Callable[[_ReportT], str]) -> int:
    if options.json:
        print_json(report.as_json())
    else:
        print(render(report))
    return EXIT_DONE


def _load(options: argparse.Namespace) -> int:
    from cart_recovery.settings import split_address
    from loadtests.run import LoadTest
    from loadtests.run import run as run_load

    settings = settings_of(options)
    host, port = split_address(settings.scorer_address)
    try:
        socket.create_connection((host, port), timeout=_CONNECT_SECONDS).close()
    except OSError as error:
        raise CommandError(
            f"no scorer answers at {settings.scorer_address} ({error.strerror or error}); start `cart-recovery up`"
        ) from None
    test = LoadTest(
        host=settings.scorer_address,
        users=options.users,
        run_seconds=options.seconds,
        slo_p99_ms=options.slo_p99_ms,
        report=options.report,
        metrics_url=f"http://{settings.metrics_address}/metrics",
    )
    result = run_load(test)
    if options.json and result.summary is not None:
        print_json(asdict(result.summary))
    else:
        print(result.text)
    return result.exit_code


def _echo(options: argparse.Namespace) -> int:
    from cart_recovery.comparisons.shops import bundle_maker
    from loadtests.benchmarks.score_over_echo import Benchmark, measure, render

    benchmark = Benchmark(actions=tuple(options.actions), customers=options.customers)
    report = measure(benchmark, make_bundle=bundle_maker(settings_of(options), note), progress=note)
    return _told(options, report, render)


def _capacity(options: argparse.Namespace) -> int:
    from cart_recovery.comparisons.trials import capacity
    from loadtests.capacity import Plan
    from loadtests.capacity_report import page, render

    plan = Plan(options.front, options.slo_p99_ms)
    settings = settings_of(options, objective_ms=options.slo_p99_ms)
    report = capacity(plan.quick() if options.quick else plan, settings, note)
    if options.report is not None:
        options.report.write_text(page(report), encoding="utf-8")
    return _told(options, report, render)


def _backtest(options: argparse.Namespace) -> int:
    from cart_recovery.comparisons.shops import SimulatedShop
    from loadtests.benchmarks.backtest_rate import measure, render

    progress = Progress("backtest")
    shop = SimulatedShop(settings_of(options), events=options.events)
    report = measure(
        events=options.events, make_events=shop.events, make_engine=shop.make_engine, progress=progress.show
    )
    progress.close()
    return _told(options, report, render)


def _replay_rate(options: argparse.Namespace) -> int:
    from cart_recovery.comparisons.shops import SimulatedShop
    from loadtests.benchmarks.replay_rate import measure, render

    progress = Progress("replay")
    shop = SimulatedShop(settings_of(options), events=options.events, keep_journal=True)
    report = measure(
        events=options.events, make_events=shop.events, make_engine=shop.make_engine, progress=progress.show
    )
    progress.close()
    return _told(options, report, render)


def _alone(options: argparse.Namespace) -> int:
    from cart_recovery.comparisons import runs, trials
    from cart_recovery.comparisons.sizes import Sizes
    from loadtests.benchmarks.comparison import render

    sizes = Sizes.quick() if options.quick else Sizes.full()
    comparison = (runs.COMPARISONS | trials.TRIALS)[options.kind](settings_of(options), sizes, note)
    return _told(options, comparison, render)


def _page(options: argparse.Namespace) -> int:
    one, purposes = ("comparison", COMPARISONS) if options.kind == "compare" else ("trial", TRIALS)
    unknown = sorted(set(options.names) - set(purposes))
    if unknown:
        raise CommandError(f"NAME: there is no {one} {unknown[0]}; there are {', '.join(purposes)}", EXIT_USAGE)
    from cart_recovery.comparisons import runs, trials
    from cart_recovery.comparisons.sizes import Sizes
    from loadtests.benchmarks.page import COMPARISONS_HEAD, TRIALS_HEAD, page, read_results, write_result

    if options.kind == "compare":
        registry, head = runs.COMPARISONS, COMPARISONS_HEAD
    else:
        registry, head = trials.TRIALS, TRIALS_HEAD
    settings = settings_of(options)
    sizes = Sizes.quick() if options.quick else Sizes.full()
    with tempfile.TemporaryDirectory() as nowhere:
        results = options.results or (Path(nowhere) if options.quick else _RESULTS)
        for name in options.names or registry:
            note(f"{one} {name}")
            write_result(results, registry[name](settings, sizes, note))
        text = page(head, read_results(results, registry))
    if options.page is None:
        print(text)
    else:
        options.page.write_text(text, encoding="utf-8")
    return EXIT_DONE
