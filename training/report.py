"""What a training run found: the summary that the terminal prints, and the same with plots as one HTML file."""

import html
import io
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from training.boosters.booster import gains
from training.evaluation import Quality
from training.learners.models import Models
from training.simulator.oracle import OracleFigures

_COLOUR, _SECOND, _FAINT = "#1b5e85", "#c4572b", "#9aa5ad"
_MOST_FEATURES = 15
_STYLE = (
    "body{font:16px sans-serif;max-width:46em;margin:2em auto;color:#222}td{padding:.1em 1em .1em 0}svg{max-width:100%}"
)


@dataclass(frozen=True, slots=True)
class BundleReport:
    """The outcome of a training run. `figures` are numbers by name, plain enough for JSON."""

    bundle_id: str
    directory: Path
    training_rows: int
    test_rows: int
    seconds: float
    figures: dict[str, float]
    findings: tuple[str, ...]
    passed: bool
    remarks: tuple[str, ...] = ()
    """Which models are compiled, and why."""

    def as_json(self) -> dict[str, Any]:
        """For `--json`: strings, numbers and lists only."""
        plain = asdict(self)
        plain["directory"] = str(self.directory)
        plain["findings"] = list(self.findings)
        plain["remarks"] = list(self.remarks)
        return plain

    def summary(self) -> str:
        """What `cart-recovery train` prints."""
        lines = [f"bundle {self.bundle_id} ({self.seconds:.1f} s)", f"  {self.directory}"]
        lines += [f"  {sentence}" for sentence in sentences(self.training_rows, self.test_rows, self.figures)]
        lines += [f"  {remark}" for remark in self.remarks]
        lines += [f"  ! {finding}" for finding in self.findings]
        return "\n".join(lines)


def figures_of(quality: Quality, oracle: OracleFigures | None) -> dict[str, float]:
    """All numbers of a run, by the name under which the manifest keeps them."""
    figures = {
        "purchase_rate": quality.purchase_rate,
        "log_loss": quality.log_loss,
        "log_loss_of_mean": quality.log_loss_of_mean,
        "auc": quality.auc,
        "calibration_error": quality.calibration.error,
        "calibration_noise": quality.calibration_noise,
        "qini": quality.qini,
    }
    if oracle is not None:
        figures |= {
            "oracle_carts": float(oracle.carts),
            "value_none_minor": oracle.value_none,
            "value_policy_minor": oracle.value_best,
            "value_explored_minor": oracle.value_drawn,
            "value_oracle_minor": oracle.value_oracle,
            "oracle_gap_share": oracle.share_best,
            "oracle_gap_share_explored": oracle.share_of_gap(oracle.value_drawn),
            "oracle_gap_share_constant": oracle.share_of_gap(oracle.value_constant),
            "contacted_harmed": oracle.contacted_harmed,
            "contacted_rest": oracle.contacted_rest,
            "contacted_harmed_explored": oracle.contacted_harmed_drawn,
            "contacted_rest_explored": oracle.contacted_rest_drawn,
        }
    return figures


def sentences(training_rows: int, test_rows: int, figures: dict[str, float]) -> list[str]:
    """The figures in words."""
    said = [
        f"tested by learning from {training_rows:,} decisions and predicting {test_rows:,} later ones"
        f" ({figures['purchase_rate']:.1%} bought); then learned from all",
        f"log-loss {figures['log_loss']:.4f} (predicting the mean: {figures['log_loss_of_mean']:.4f}),"
        f" AUC {figures['auc']:.3f}",
        f"calibration error {figures['calibration_error']:.3f} (a perfect model would show about"
        f" {figures['calibration_noise']:.3f} here)",
        f"Qini {figures['qini']:.3f} (as scikit-uplift defines it)",
    ]
    if "oracle_gap_share" in figures:
        said += [
            f"on {figures['oracle_carts']:,.0f} fresh simulated carts the policy earns"
            f" {figures['oracle_gap_share']:.1%} of what an oracle could gain over doing nothing"
            f" ({figures['oracle_gap_share_explored']:.1%} while exploring;"
            f" the best single action {figures['oracle_gap_share_constant']:.1%})",
            f"it contacts {figures['contacted_harmed']:.1%} of the shoppers whom contact harms"
            f" and {figures['contacted_rest']:.1%} of the rest",
        ]
    return said


def render_html(
    title: str, training_rows: int, test_rows: int, quality: Quality, oracle: OracleFigures | None, models: Models
) -> str:
    """One self-contained page."""
    figures = figures_of(quality, oracle)
    plots = [("Calibration", _calibration(quality)), ("Qini curve", _qini(quality))]
    if oracle is not None:
        plots.append(("Share of the oracle gap", _gap(oracle)))
    plots.append(("What the effect model looks at", _importance(models)))
    words = "".join(f"<p>{html.escape(line)}.</p>" for line in sentences(training_rows, test_rows, figures))
    sections = "".join(f"<h2>{html.escape(name)}</h2>{_svg(figure)}" for name, figure in plots)
    rows = "".join(f"<tr><td>{name}</td><td>{value:.6g}</td></tr>" for name, value in figures.items())
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(title)}</title><style>{_STYLE}</style>"
        f"<h1>{html.escape(title)}</h1>{words}{sections}<h2>All figures</h2><table>{rows}</table></html>\n"
    )


def _calibration(quality: Quality) -> Figure:
    figure, axes = plt.subplots(figsize=(5, 4))
    bins = quality.calibration
    most = float(max(bins.predicted.max(), bins.observed.max())) * 1.05
    axes.plot([0, most], [0, most], color=_FAINT, linewidth=1)
    axes.plot(bins.predicted, bins.observed, "o-", color=_COLOUR)
    axes.set_xlabel("predicted probability of a purchase")
    axes.set_ylabel("share that bought")
    return figure


def _qini(quality: Quality) -> Figure:
    figure, axes = plt.subplots(figsize=(5, 4))
    curve, perfect = quality.qini_curve, quality.qini_perfect
    axes.plot(perfect.rows, perfect.incremental, color=_FAINT, linewidth=1, label="perfect order")
    axes.plot([0, curve.rows[-1]], [0, curve.incremental[-1]], color=_FAINT, linestyle="--", label="by chance")
    axes.plot(curve.rows, curve.incremental, color=_COLOUR, label="effect model")
    axes.set_xlabel("carts, highest predicted effect first")
    axes.set_ylabel("incremental purchases")
    axes.legend(frameon=False)
    return figure


def _gap(oracle: OracleFigures) -> Figure:
    figure, axes = plt.subplots(figsize=(5, 2.4))
    values = {
        "oracle": oracle.value_oracle,
        "policy": oracle.value_best,
        "policy, exploring": oracle.value_drawn,
        "best single action": oracle.value_constant,
        "nothing": oracle.value_none,
    }
    shares = [oracle.share_of_gap(value) for value in values.values()]
    axes.barh(list(values), shares, color=[_FAINT, _COLOUR, _COLOUR, _SECOND, _FAINT])
    axes.invert_yaxis()
    axes.set_xlabel("share of the gap between nothing and the oracle")
    return figure


def _importance(models: Models) -> Figure:
    gained = gains(models.effect)
    names = models.context_names + models.action_names
    order = np.argsort(-gained)[:_MOST_FEATURES]
    figure, axes = plt.subplots(figsize=(5, 4))
    axes.barh([names[index] for index in order], gained[order], color=_COLOUR)
    axes.invert_yaxis()
    axes.set_xlabel("gain, all trees")
    return figure


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.tight_layout()
    # A fixed salt and no date: the same run writes the same bytes.
    with matplotlib.rc_context({"svg.hashsalt": "report"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    plt.close(figure)
    text = buffer.getvalue()
    return text[text.index("<svg") :]
