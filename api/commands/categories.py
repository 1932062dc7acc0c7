"""Staff keep the tree of categories, and declare what products may say of themselves."""

from typing import Annotated, Literal, Self

from fastapi import APIRouter, Response
from pydantic import Field, model_validator

from api.fields import AttributeName, Body, CategoryField, CategoryPath, Name, ShortText, Slug
from api.handling import Changed, Handle
from api.problems import invalid
from api.security import Staff
from api.straight import StraightRoute
from commands import Command
from commands.category import (
    CreateCategory,
    DeclareAttributes,
    MoveCategory,
    RemoveCategory,
    RenameCategory,
    categories,
)
from events.values import Attribute, CategoryId
from infrastructure.ids import new_id

router = APIRouter(prefix="/v1/categories", tags=["catalog"], route_class=StraightRoute)


class AttributeField(Body):
    """What products of this category and of those below may say of themselves; an `enum` lists its `values`."""

    name: AttributeName
    kind: Literal["text", "number", "boolean", "enum"]
    values: Annotated[list[ShortText], Field(max_length=200, examples=[["red", "blue"]])] = Field(default_factory=list)

    @model_validator(mode="after")
    def _values_of_an_enum(self) -> Self:
        if (self.kind == "enum") != bool(self.values) or len(set(self.values)) != len(self.values):
            raise ValueError("an enum has values, each once; nothing else has any")
        return self

    def value(self) -> Attribute:
        return Attribute(self.name, self.kind, tuple(self.values))


AttributeList = Annotated[list[AttributeField], Field(max_length=100)]


class NewCategory(Body):
    slug: Slug
    name: Name
    parent_id: CategoryField | None = None
    attributes: AttributeList = Field(default_factory=list)


class CategoryChange(Body):
    """What is left out stays as it is. `parent_id: null` is the top of the tree; `attributes` are given whole."""

    name: Name | None = None
    parent_id: CategoryField | None = None
    attributes: AttributeList | None = None


@router.post("", status_code=201, response_model=Changed)
async def create_category(body: NewCategory, staff: Staff, handle: Handle) -> Response:
    category_id = CategoryId(new_id("cat"))
    commands: list[Command] = [CreateCategory(category_id, body.slug, body.name, body.parent_id)]
    if body.attributes:
        commands.append(DeclareAttributes(category_id, _declared(body.attributes)))
    return await handle(*commands, about=categories(category_id), status=201, location=f"/v1/categories/{category_id}")


@router.patch("/{category_id}", response_model=Changed)
async def change_category(category_id: CategoryPath, body: CategoryChange, staff: Staff, handle: Handle) -> Response:
    """Rename it, move it with all that is below it, or declare other attributes.

    Products keep what they say already, also if it is declared no longer: only what is changed later is judged."""
    commands: list[Command] = []
    if body.name is not None:
        commands.append(RenameCategory(category_id, body.name))
    if "parent_id" in body.model_fields_set:
        commands.append(MoveCategory(category_id, body.parent_id))
    if body.attributes is not None:
        commands.append(DeclareAttributes(category_id, _declared(body.attributes)))
    if not commands:
        raise invalid("", "Say what to change: name, parent_id or attributes.")
    return await handle(*commands, about=categories(category_id))


@router.delete("/{category_id}", response_model=Changed)
async def remove_category(category_id: CategoryPath, staff: Staff, handle: Handle) -> Response:
    """Take a category out of the tree. Its products stay, and are found under the category above it."""
    return await handle(RemoveCategory(category_id), about=categories(category_id))


def _declared(attributes: list[AttributeField]) -> tuple[Attribute, ...]:
    if len({each.name for each in attributes}) != len(attributes):
        raise invalid("/attributes", "Should name each attribute once.")
    return tuple(each.value() for each in attributes)
