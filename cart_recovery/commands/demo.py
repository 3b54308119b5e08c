"""Shows the whole system on a simulated shop: real gRPC, JetStream, SMTP and HTTP on this machine alone, on a clock
that jumps from one happening to the next. Needs no choices and no preparation; Ctrl-C cleans up.

Example:
  cart-recovery demo

"""

import argparse
import time

from cart_recovery.exits import EXIT_DONE, EXIT_FAILED
from cart_recovery.options import add_json_option, add_settings_options, settings_of
from cart_recovery.terminal import Progress, note, print_json, program

_START_MICROS = 1_748_822_400_000_000  # Monday 2025-06-02, midnight UTC
_SHOPPERS = 540
_DAYS = 4.0
_SEED = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    add_settings_options(parser)
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    from audit.kpi_text import render_figures
    from cart_recovery.composition import active_policy, borrow_release, ensure_bundle, fresh_directory
    from cart_recovery.keys import ensure_keys
    from cart_recovery.rehearsal.demo import run_demo
    from cart_recovery.rehearsal.live import rehearsal_settings
    from cart_recovery.rehearsal.seed import run_seed
    from pyserver.logs import configure_logs
    from training.simulator.settings import ShopSettings
    from training.simulator.shop import Shop

    began = time.monotonic()
    configure_logs("error", process="demo")
    live = settings_of(options)
    ensure_keys(live.keys_directory)
    ensure_bundle(live)
    settings = rehearsal_settings(live, fresh_directory(live.data_directory / "demo"))
    seed = run_seed("demo")
    borrow_release(live, settings, run_seed=seed)
    currency = active_policy(live).company.currency_code
    shop_settings = ShopSettings(days=_DAYS, response_scale=4.0, currency_code=currency)
    shop = Shop(_SEED, _SHOPPERS, _START_MICROS, shop_settings)
    note(
        f"A simulated shop with {_SHOPPERS} shoppers, {_DAYS:.0f} days. All servers are real, on this machine alone.\n"
    )
    progress = Progress("demo")

    def say(words: str) -> None:
        progress.close()
        note(words)

    outcome = run_demo(settings, shop, run_seed=seed, start_micros=_START_MICROS, say=say, progress=progress)
    figures = outcome.figures
    if options.json:
        print_json({**figures.as_json(), "events": outcome.steps.events, "seconds": round(time.monotonic() - began, 1)})
    else:
        print(f"\n{render_figures(figures)}\n")
        where = f"--data {settings.data_directory}"
        print(f"{outcome.steps.events:,} events in {time.monotonic() - began:.0f} s. Look further:")
        print(f"  open an e-mail            {program()} inbox 1 {where}")
        print(f"  explain a decision        {program()} decision show {outcome.example} {where}")
        print(f"  re-execute it             {program()} decision replay {outcome.example} {where}")
    for refusal in outcome.refusals[:5]:
        note(f"refused event: {refusal}")
    return EXIT_FAILED if outcome.steps.refused else EXIT_DONE
