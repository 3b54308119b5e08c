"""Lists the release bundles, or makes one the active bundle; a running scorer follows within a second.

Examples:
  cart-recovery release list
  cart-recovery release activate 5e0c1d…

"""

import argparse

from cart_recovery.exits import EXIT_DONE, EXIT_USAGE, CommandError
from cart_recovery.options import add_json_option, add_settings_options, settings_of
from cart_recovery.terminal import print_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="{list,activate}")
    listing = actions.add_parser("list", help="all bundles, newest first, and which one is active")
    add_json_option(listing)
    activate = actions.add_parser("activate", help="check a bundle and make it the active one")
    activate.add_argument("bundle_id", metavar="ID", help="bundle id, or the unambiguous beginning of one")
    for one in (listing, activate):
        add_settings_options(one)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    from cart_recovery.releases import active_bundle, list_bundles, point_to

    settings = settings_of(options)
    directory = settings.bundles_directory
    bundles = list_bundles(directory)
    if options.action == "list":
        active = active_bundle(directory)
        rows = [
            {
                "bundle_id": one.bundle_id,
                "active": one.bundle_id == active,
                "created_time": one.created_time.ToJsonString(),
                "created_by": one.created_by,
                "gate_passed": one.gate_report.passed,
            }
            for one in bundles
        ]
        if options.json:
            print_json(rows)
        else:
            for row in rows:
                state = "active" if row["active"] else ""
                gate = "gate passed" if row["gate_passed"] else "gate not passed"
                print(f"{row['bundle_id']}  {row['created_time']:<28}{gate:<17}{state}")
            if not rows:
                print(f"no bundles in {directory}; `cart-recovery train` makes one")
        return EXIT_DONE
    matching = [one.bundle_id for one in bundles if one.bundle_id.startswith(options.bundle_id)]
    if len(matching) != 1:
        found = "several bundles begin so" if matching else "there is no such bundle"
        raise CommandError(f"{options.bundle_id}: {found}; see `cart-recovery release list`", EXIT_USAGE)
    from pyserver.process import engine_keys
    from rust_features import verify_bundle

    verified = verify_bundle(str(directory / matching[0]), keys=engine_keys(settings))
    point_to(directory, verified)
    print(f"{verified} is the active bundle")
    return EXIT_DONE
