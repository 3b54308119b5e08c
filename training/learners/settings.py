"""How large and how careful the models are."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LearnerSettings:
    """Settings of both models; `full()` is what a shop trains with, `starter()` what the first start can afford."""

    trees: int
    leaves: int
    baseline_learning_rate: float
    effect_learning_rate: float
    depth: int
    """Splits from root to leaf: what keeps a tree of 31 leaves from following single carts down one branch."""
    smallest_leaf_share: float
    """Of all rows; no leaf has fewer."""
    regularisation: float
    alone_weight: float = 50.0
    """Weight in the baseline of carts that were left alone, over those contacted."""
    threads: int = 1
    seed: int = 7

    @classmethod
    def full(cls) -> "LearnerSettings":
        """300 trees of at most 31 leaves."""
        return cls(300, 31, 0.01, 0.05, 5, 0.015, 5.0)

    @classmethod
    def starter(cls) -> "LearnerSettings":
        """Few and small trees."""
        return cls(80, 7, 0.05, 0.12, 4, 0.012, 10.0)
