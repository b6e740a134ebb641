"""Measures, pictures and README of a model that was made from a data set."""

from training.artifact.exported_model import ExportedModel
from training.artifact.inference import TrainedAutoencoder
from training.artifact.model_card import Card, write_card
from training.artifact.readme import create_readme, write_measures
from training.data.data_set import DataSet
from training.evaluation.cost import milliseconds_per_image
from training.evaluation.data_set_quality import evaluate_data_set, measurable_images
from training.evaluation.data_set_readme import readme_text
from training.evaluation.inspection_picture import draw_inspection
from training.evaluation.inspection_quality import folder_inspection_quality
from training.evaluation.model_pictures import draw_pictures


def document(
    model: ExportedModel,
    data: DataSet,
    baseline: TrainedAutoencoder | None = None,
) -> Card:
    """Measure a model and write card, pictures and README; return the card.

    In a README that exists, only the text between its marks is replaced.

    Raise DataError and ModelError as ``evaluate_data_set`` does.
    """
    quality = evaluate_data_set(model, data, baseline)
    milliseconds = milliseconds_per_image(model)
    cost = model.card["cost"] | {"milliseconds_per_image": milliseconds}
    card = model.card | {"quality": quality, "cost": cost}
    if "inspection" in card:
        detection = folder_inspection_quality(model, data)
        card["inspection"] = card["inspection"] | {"quality": detection}
        if detection is not None:
            draw_inspection(model, data)
    pictures = draw_pictures(model, measurable_images(data), model.folder)
    write_card(model.folder, card)
    create_readme(model.folder, f"Model card: {card['name']}")
    write_measures(model.folder, readme_text(card, pictures))
    return card
