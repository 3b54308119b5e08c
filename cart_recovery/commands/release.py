"""Lists the release bundles, makes one the active bundle, or goes back to the one before it; running scorer and
dispatcher follow within a second. Only a bundle that passed its gate becomes active.

Examples:
  cart-recovery release list
  cart-recovery release activate 5e0c1d…
  cart-recovery release rollback

"""

import argparse
from typing import TYPE_CHECKING

from cart_recovery.exits import EXIT_DONE, EXIT_USAGE, CommandError
from cart_recovery.options import add_json_option, add_settings_options, add_subcommand, settings_of
from cart_recovery.terminal import print_json

if TYPE_CHECKING:
    from cart_recovery.v1.bundle_pb2 import BundleManifest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="{list,activate,rollback}")
    listing = add_subcommand(actions, "list", "all bundles, newest first, and which one is active", "release list")
    add_json_option(listing)
    activate = add_subcommand(
        actions, "activate", "check a bundle and make it the active one", "release activate 5e0c1d…"
    )
    activate.add_argument("bundle_id", metavar="ID", help="bundle id, or the unambiguous beginning of one")
    rollback = add_subcommand(actions, "rollback", "make the bundle active that was so before", "release rollback")
    for one in (listing, activate, rollback):
        add_settings_options(one)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    from cart_recovery.releases import activate, active_bundle, list_bundles, rollback

    settings = settings_of(options)
    directory = settings.bundles_directory
    if options.action == "list":
        return _list(list_bundles(directory), active_bundle(directory), as_json=options.json)
    if options.action == "rollback":
        bundle_id = rollback(settings)
    else:
        bundle_id = _chosen(list_bundles(directory), options.bundle_id)
        activate(settings, bundle_id)
    print(f"{bundle_id} is the active bundle")
    return EXIT_DONE


def _list(bundles: "list[BundleManifest]", active: str | None, *, as_json: bool) -> int:
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
    if as_json:
        print_json(rows)
        return EXIT_DONE
    for row in rows:
        state = "active" if row["active"] else ""
        gate = "gate passed" if row["gate_passed"] else "gate not passed"
        print(f"{row['bundle_id']}  {row['created_time']:<28}{gate:<17}{state}")
    if not rows:
        print("no bundles yet; `cart-recovery train` makes one")
    return EXIT_DONE


def _chosen(bundles: "list[BundleManifest]", beginning: str) -> str:
    # A copy of a bundle under another name bears the same id.
    matching = {one.bundle_id for one in bundles if one.bundle_id.startswith(beginning)}
    if len(matching) != 1:
        found = "several bundles begin so" if matching else "there is no such bundle"
        raise CommandError(f"{beginning}: {found}; see `cart-recovery release list`", EXIT_USAGE)
    return matching.pop()
