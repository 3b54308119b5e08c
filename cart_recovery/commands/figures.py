"""Shows the business figures of the journal: what was left, contacted and recovered, and what that earned and cost.
What each figure means stands in docs/figures.md. A scorer may run over the same data directory meanwhile.

Examples:
  cart-recovery figures
  cart-recovery figures --storefront shop-de
  cart-recovery figures --json

"""

import argparse
from typing import TYPE_CHECKING

from cart_recovery.exits import EXIT_DONE, CommandError
from cart_recovery.options import add_json_option, add_settings_options, settings_of
from cart_recovery.terminal import Progress, print_json

if TYPE_CHECKING:
    import polars as pl

    from cart_recovery.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument(
        "--storefront", metavar="ID", default="", help="count the orders, decisions and messages of this one alone"
    )
    add_settings_options(parser)
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    from audit.kpi_text import render_figures
    from audit.kpis import compute_figures
    from cart_recovery.composition import active_policy

    settings = settings_of(options)
    journal = _journal(settings)
    figures = compute_figures(journal, active_policy(settings), storefront_id=options.storefront)
    if options.json:
        print_json(figures.as_json())
    else:
        print(render_figures(figures))
    return EXIT_DONE


def _journal(settings: "Settings") -> "pl.DataFrame":
    """The journal as it is now. Raises CommandError where nothing has happened yet, and JournalUnreadable."""
    from audit.journal import read_journal
    from cart_recovery.nats_server import attached

    # Whoever only asks leaves no server's store behind, least of all in a directory that was mistyped.
    if settings.nats.url is None and not settings.nats_directory.is_dir():
        raise CommandError(f"there is no journal in {settings.data_directory} yet; `cart-recovery up` begins one")
    credentials = settings.nats.credentials_file
    progress = Progress("journal")
    with attached(settings) as nats:
        journal = read_journal(nats.url, str(credentials) if credentials else None, progress=progress.count)
    progress.close()
    if journal.is_empty():
        raise CommandError("the journal is empty: nothing has happened yet")
    return journal
