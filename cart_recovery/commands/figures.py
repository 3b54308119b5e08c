"""Shows the business figures of the journal: what was left, contacted and recovered, and what that earned and cost.
What each figure means stands in docs/figures.md. A scorer may run over the same data directory meanwhile.

Examples:
  cart-recovery figures
  cart-recovery figures --storefront shop-de
  cart-recovery figures --json

"""

import argparse

from cart_recovery.exits import EXIT_DONE
from cart_recovery.options import add_json_option, add_settings_options, settings_of
from cart_recovery.terminal import print_json


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
    from cart_recovery.live_journal import live_journal

    settings = settings_of(options)
    journal = live_journal(settings)
    figures = compute_figures(journal, active_policy(settings), storefront_id=options.storefront)
    if options.json:
        print_json(figures.as_json())
    else:
        print(render_figures(figures))
    return EXIT_DONE
