"""Every comparison by the name of its subcommand."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from cart_recovery.comparisons.subjects import ACTIONS, learnt, simulated_journal
from cart_recovery.settings import Settings
from loadtests.benchmarks import feature_replay, model_server, online_store, state_size, trees
from loadtests.benchmarks.comparison import Comparison
from loadtests.benchmarks.model_server import Calls
from loadtests.benchmarks.online_store import Retrievals
from training.learners.settings import LearnerSettings

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Sizes:
    """How much of everything; figures for a page come of `full()`."""

    rounds: int
    learner: LearnerSettings
    carts: int
    """That the model learns from."""
    contexts: int
    calls: Calls
    retrievals: Retrievals
    journal_carts: int
    """In the journal that is replayed."""
    customers: int
    """Whose memory is counted."""

    @classmethod
    def full(cls) -> "Sizes":
        """As many trees as a bundle for production has, and every leaf they may have, however little it is worth."""
        learner = replace(LearnerSettings.full(), depth=-1, smallest_leaf_share=0.0)
        return cls(5, learner, 6_000, 500, Calls(), Retrievals(), 40_000, 200_000)

    @classmethod
    def quick(cls) -> "Sizes":
        """Just enough to see that everything runs."""
        return cls(
            rounds=1,
            learner=replace(LearnerSettings.starter(), trees=10),
            carts=700,
            contexts=10,
            calls=Calls(rounds=1, in_flight=800, alone=10),
            retrievals=Retrievals(rounds=1, calls=10, customers=100),
            journal_carts=200,
            customers=200,
        )


def _trees(settings: Settings, sizes: Sizes, progress: Progress) -> Comparison:
    with learnt(settings, carts=sizes.carts, learner=sizes.learner, progress=progress) as subject:
        return trees.measure(subject.tree_model(sizes.contexts), rounds=sizes.rounds, progress=progress)


def _mlserver(settings: Settings, sizes: Sizes, progress: Progress) -> Comparison:
    with learnt(settings, carts=sizes.carts, learner=sizes.learner, progress=progress) as subject:
        model, directory = subject.tree_model(sizes.contexts), subject.settings.data_directory
        return model_server.measure(model, directory, calls=sizes.calls, progress=progress)


def _feast(settings: Settings, sizes: Sizes, progress: Progress) -> Comparison:
    with learnt(settings, carts=sizes.carts, learner=sizes.learner, progress=progress) as subject:
        directory = subject.settings.data_directory
        return online_store.measure(directory, ACTIONS, retrievals=sizes.retrievals, progress=progress)


def _replay(settings: Settings, sizes: Sizes, progress: Progress) -> Comparison:
    journal, window_seconds = simulated_journal(settings, sizes.journal_carts, progress)
    return feature_replay.measure(journal, window_seconds, rounds=sizes.rounds, progress=progress)


def _state_size(_settings: Settings, sizes: Sizes, progress: Progress) -> Comparison:
    return state_size.measure(sizes.customers, rounds=sizes.rounds, progress=progress)


COMPARISONS: dict[str, Callable[[Settings, Sizes, Progress], Comparison]] = {
    "trees": _trees,
    "mlserver": _mlserver,
    "feast": _feast,
    "replay": _replay,
    "state-size": _state_size,
}
"""In the order of the page."""
