"""Shows where one decision came from and what came of it, or re-executes it from the journal, bit for bit.

Examples:
  cart-recovery decision show 4f1c8e02…           its lineage, as a person reads it
  cart-recovery decision replay 4f1c8e02…         the proof that it comes out the same
  cart-recovery decision replay --all             the proof for every decision of the journal

"""

import argparse

from cart_recovery.exits import EXIT_DONE, EXIT_FAILED, EXIT_USAGE, CommandError
from cart_recovery.options import add_json_option, add_settings_options, add_subcommand, settings_of
from cart_recovery.terminal import print_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="{show,replay}")
    show = add_subcommand(actions, "show", "lineage of a decision", "decision show 4f1c8e02…")
    show.add_argument(
        "decision_id", metavar="ID", help="decision id, 32 hexadecimal digits, or its e-mail's Message-ID"
    )
    replay = add_subcommand(actions, "replay", "re-execute a decision", "decision replay 4f1c8e02…")
    replay.add_argument("decision_id", metavar="ID", nargs="?", help="decision id, 32 hexadecimal digits")
    replay.add_argument("--all", action="store_true", help="every decision of the journal")
    for one in (show, replay):
        add_settings_options(one)
        add_json_option(one)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    from cart_recovery.live_journal import live_journal

    settings = settings_of(options)
    every = options.action == "replay" and options.all
    if every == (options.decision_id is not None):
        raise CommandError("name one decision, or --all", EXIT_USAGE)
    journal = live_journal(settings)
    if options.action == "show":
        from audit.lineage import trace
        from audit.lineage_text import render_lineage

        lineage = trace(journal, options.decision_id)
        if options.json:
            print_json(lineage.as_json())
        else:
            print(render_lineage(lineage))
        return EXIT_DONE

    from audit.execution import render_proof, render_verification, verify, verify_all
    from pyserver.process import engine_keys

    keys, bundles = engine_keys(settings), settings.bundles_directory
    if every:
        verification = verify_all(journal, keys=keys, bundles_directory=bundles)
        figures = {"decisions": verification.decisions, "failed": [one.decision_id for one in verification.failed]}
        text, holds = render_verification(verification), verification.holds
    else:
        proof = verify(journal, options.decision_id, keys=keys, bundles_directory=bundles)
        figures = {"decisions": 1, "failed": [] if proof.holds else [proof.decision_id]}
        text, holds = render_proof(proof), proof.holds
    if options.json:
        print_json(figures)
    else:
        print(text)
    return EXIT_DONE if holds else EXIT_FAILED
