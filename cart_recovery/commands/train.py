"""Trains a release bundle on the simulated shop, checks it, signs it and, if it passed its gate, makes it the active
one. Prints how good it is and writes the same as a page with plots into the bundle.

Examples:
  cart-recovery train
  cart-recovery train --carts 10000 --keep-active
  cart-recovery train --fit shop_models.py

"""

import argparse
from pathlib import Path

from cart_recovery.exits import EXIT_DONE, EXIT_PARTIAL
from cart_recovery.options import add_json_option, add_settings_options, settings_of
from cart_recovery.terminal import Progress, note, print_json

_CARTS = 40_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument(
        "--carts", type=int, default=_CARTS, help="abandoned carts to learn from (default: %(default)s)"
    )
    parser.add_argument("--starter", action="store_true", help="the small bundle that the first start makes")
    parser.add_argument(
        "--fit",
        type=Path,
        metavar="FILE",
        help="a Python file whose `fit` learns the models, with LightGBM, XGBoost or scikit-learn (docs/models.md)",
    )
    parser.add_argument("--keep-active", action="store_true", help="leave the active bundle as it is")
    add_settings_options(parser)
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    from cart_recovery.bundle_training import train_bundle
    from cart_recovery.keys import ensure_keys
    from cart_recovery.releases import activate

    settings = settings_of(options)
    ensure_keys(settings.keys_directory)
    progress = Progress("training")
    carts = None if options.starter else options.carts
    report = train_bundle(settings, carts=carts, progress=progress.show, own_fit=options.fit)
    progress.close()
    if report.passed and not options.keep_active:
        activate(settings, report.bundle_id)
    if options.json:
        print_json(report.as_json())
    else:
        print(report.summary())
    if not report.passed:
        note("the bundle has findings, which stand above and in its manifest; it does not become active")
        return EXIT_PARTIAL
    return EXIT_DONE
