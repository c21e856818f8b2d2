"""What all wire models share: strict bodies, safe text, bounded integers."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

MAX_INTEGER = 2**63 - 1
"""What both databases can compare; a larger one is refused before it reaches them."""


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not hold NUL characters")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("must not hold lone surrogates") from None
    return text


def _representable(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("must lie between the years 1 and 9999 in UTC") from None


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text


Storable = AfterValidator(_storable)
NotBlank = AfterValidator(_not_blank)

Id = Annotated[int, Field(ge=1, le=MAX_INTEGER)]
Name = Annotated[str, Field(min_length=1, max_length=80), Storable, NotBlank]
ShortText = Annotated[str, Field(max_length=500), Storable]
LongText = Annotated[str, Field(max_length=20_000), Storable]
Moment = Annotated[AwareDatetime, AfterValidator(_representable)]


class Body(BaseModel):
    """A request body. Fields it does not know are refused, so that a misspelt one is not silently ignored."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=False)


class Read(BaseModel):
    """An answer, read from a row or a domain object."""

    model_config = ConfigDict(from_attributes=True)


class Named(Read):
    """A person, as others see them."""

    id: int
    username: str
    display_name: str


def name_of(value: Any) -> Any:
    """The name of a related row, so that answers say "Backend" and not 3."""
    return getattr(value, "name", value)


__all__ = ["Body", "Id", "LongText", "Moment", "Name", "Named", "Read", "ShortText", "datetime", "name_of"]
