"""What the HTTP API takes and gives; its OpenAPI description is made from this."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from ..maps import VIEWS
from ..values import Classifier, Method

Draw = Literal["grid", "overlay"]
Prompt = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]


class Wanted(BaseModel):
    """How maps are made."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: str = Field(default="agcam", description="One of /methods.")
    prompts: tuple[Prompt, ...] = Field(
        default=(),
        max_length=64,
        description="For models that compare pictures with words: the descriptions to compare.",
    )
    refine: bool = Field(
        default=False, description="Lay maps on pixels on the picture's edges; grids stay raw."
    )
    views: int = Field(
        default=1,
        description="Views of the picture, shifted by parts of a patch (2, 4, 9), cropped (5) or "
        "both (8), whose maps are averaged; the model runs on all of them.",
        json_schema_extra={"enum": list(VIEWS)},
    )


class Selection(Wanted):
    """What a visitor wants to see of an upload; without a target, of the predicted class."""

    model: str
    target: int | None = Field(default=None, ge=0)


class Download(Selection):
    """A file of a map, and the opacity with which it is drawn over the picture."""

    target: int = Field(ge=0)
    alpha: float = Field(default=0.5, ge=0, le=1)


class ExplainRequest(Wanted):
    """One picture, and which classes to explain."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"picture": "/9j/4AAQSkZJRg...", "classes": ["espresso"], "method": "agcam"}
        },
    )

    picture: str = Field(description="The file's bytes in base64: JPEG, PNG, WebP, GIF, TIFF, ...")
    classes: list[int | str] = Field(
        default=[], max_length=32, description="Class numbers or names; none: the predicted class."
    )
    model: str | None = Field(default=None, description="One of /models; none: the first of them.")
    draw: list[Draw] = Field(
        default=["grid"],
        max_length=2,
        description="grid: raw relevance per patch, row by row; overlay: a PNG in base64 of the "
        "heat map over the picture, no side of it longer than 800 pixels.",
    )


class Prediction(BaseModel):
    """One class, and what the model gives for it."""

    model_config = ConfigDict(from_attributes=True, validate_by_name=True, validate_by_alias=True)

    target: int | None = Field(
        validation_alias="index", description="The class's number; null where it is not a class."
    )
    name: str
    value: float = Field(description="The logit, which a map explains.")
    probability: float | None = Field(description="Null where the model has no probabilities.")
    score: str = Field(description="The probability, or else the logit, as text.")


class Map(Prediction):
    """What in the picture speaks for one class; raw relevance, not normalized."""

    caption: str = Field(description="What the map shows, as text.")
    grid: list[list[float]] | None = Field(default=None, description="rows x columns")
    overlay: str | None = Field(default=None, description="PNG, base64")


class Answer(BaseModel):
    """What the model predicts, and what speaks for the requested classes."""

    predictions: list[Prediction] = Field(description="The most probable classes, best first.")
    said: list[Prediction] = Field(
        description="The same as `predictions`, which had this name before.",
        json_schema_extra={"deprecated": True},
    )
    maps: list[Map] = Field(description="In the order of `classes`.")
    manifest: dict[str, Any] = Field(
        description="Model, weights' hash, method, grid, window, versions, notes."
    )


class ModelRow(BaseModel):
    """A model that this server answers for."""

    name: str
    family: str
    classes: int | None = Field(description="None where words take the place of classes.")
    prompts: bool = Field(description="Whether it compares pictures with words.")
    notes: list[str]

    @classmethod
    def of(cls, name: str, model: Classifier) -> ModelRow:
        """What a visitor may know of a model."""
        prompts, classes = model.with_prompts is not None, len(model.class_names) or None
        return cls(
            name=name,
            family=model.family,
            classes=classes,
            prompts=prompts,
            notes=list(model.notes),
        )


class MethodRow(BaseModel):
    """A method that this server answers for."""

    name: str
    class_specific: bool
    passes: str = Field(description="What it costs beside a plain forward pass.")
    picture_passes: float = Field(description="Forward passes for a picture, at most.")
    class_passes: float = Field(description="Forward passes for each class besides, at most.")
    cite: str

    @classmethod
    def of(cls, method: Method) -> MethodRow:
        """The same as a row of the table of methods."""
        picture, each = method.needs.cost()
        rows = {
            name: getattr(method, name) for name in ("name", "class_specific", "passes", "cite")
        }
        return cls(**rows, picture_passes=picture, class_passes=each)


class Health(BaseModel):
    """The server is there, and how much it keeps in memory."""

    status: Literal["ok"]
    pictures: int
    bytes: int


class Problem(BaseModel):
    """What went wrong, in a sentence that names the fix."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"error": "this model has no class 'tabi'; did you mean tabby?"}
        }
    )

    error: str
