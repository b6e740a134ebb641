"""Loss curves of a training run, and the rate-distortion curve of several models."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from training.artifact.model_card import Card
from training.evaluation.figures import new_figure
from training.fitting.checkpoint import EpochResult

STEEP_SHARE = 20  # the first twentieth of a run is the steep part of its curve


def loss_curves(history: Sequence[EpochResult]) -> Figure:
    """Plot the training loss and its two parts by epoch."""
    curves = {
        "loss": [result.loss for result in history],
        "reconstruction loss": [result.reconstruction_loss for result in history],
        "KL divergence": [result.kl_divergence for result in history],
    }
    epochs = [result.epoch for result in history]
    figure = new_figure(9, 3)
    panels = figure.subplots(1, len(curves))
    for axes, name in zip(panels, curves, strict=True):
        values = curves[name]
        axes.plot(epochs, values, linewidth=1)
        axes.set(
            title=name,
            xlabel="epoch",
            ylabel="nats per image",
            ylim=readable_range(values),
        )
        ticks = MaxNLocator(nbins=5, integer=True)
        axes.xaxis.set_major_locator(ticks)
        hide_frame(axes)
    return figure


def readable_range(values: Sequence[float]) -> tuple[float, float]:
    """Return limits that show a curve except for its first, steep part."""
    shown = values[len(values) // STEEP_SHARE :]
    lowest = min(shown)
    highest = max(shown)
    margin = 0.05 * (highest - lowest)
    if margin == 0:
        margin = 1.0
    return lowest - margin, highest + margin


def rate_distortion_curve(cards: Sequence[Card]) -> Figure:
    """Plot each model's squared error against its KL divergence, labelled by C."""
    figure = new_figure(5, 3.5)
    axes = figure.subplots()
    points = sorted(rate_and_distortion(card) for card in cards)
    rates = [rate for rate, _ in points]
    distortions = [distortion for _, distortion in points]
    axes.plot(
        rates,
        distortions,
        marker="o",
        linewidth=1,
    )
    for card in cards:
        axes.annotate(
            objective_label(card),
            rate_and_distortion(card),
            textcoords="offset points",
            xytext=(6, 6),
        )
    axes.margins(0.2)
    axes.set(
        xlabel="KL divergence, nats per image",
        ylabel="squared error per pixel",
    )
    axes.set_ylim(bottom=0)
    hide_frame(axes)
    return figure


def rate_and_distortion(card: Card) -> tuple[float, float]:
    """Return a model's KL divergence and squared error per pixel."""
    quality = card["quality"]
    return quality["kl_divergence"], quality["squared_error_per_pixel"]


def objective_label(card: Card) -> str:
    """Return the C of a model, or the name of an objective that has none."""
    objective = card["objective"]
    if objective["c"] is None:
        return str(objective["name"])
    return f"C = {objective['c']:g}"


def hide_frame(axes: Axes) -> None:
    """Hide the top and right lines of the frame."""
    axes.spines[["top", "right"]].set_visible(False)
