"""Declaration of flags: one annotated field of a model is validation, command line, help and JSON schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trainer.errors import InputError, describe_values, flag_of

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True, kw_only=True)
class Flag:
    """Annotation of a field: the facts about its flag that pydantic has no place for.

    Attributes:
        aliases: other names of the same flag.
        several: the flag takes several values, which are joined with commas.
        free_on_resume: a resumed job may have another value than the one that began.
        expected: allowed values in words, for errors; by default made of the bounds.
        unit: of the bounds, for errors.
    """

    aliases: tuple[str, ...] = ()
    several: bool = False
    free_on_resume: bool = False
    expected: str = ""
    unit: str = ""


class FlagModel(BaseModel):
    """A frozen set of flags; each field is one.

    Raises:
        InputError: a value is not allowed, missing, or of no field; it is named as a flag.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise self._input_error(error) from None

    @classmethod
    def flag(cls, name: str) -> Flag:
        """Return the annotation of a field."""
        found = (item for item in cls.model_fields[name].metadata if isinstance(item, Flag))
        return next(found, Flag())

    @classmethod
    def schemas(cls) -> dict[str, dict[str, Any]]:
        """Return the JSON schema of each flag, by field: type, bounds, default, title, description."""
        schemas = {}
        for name, schema in cls.model_json_schema()["properties"].items():
            # A field that may be None is a flag that may be left out.
            values = [item for item in schema.pop("anyOf", ()) if item.get("type") != "null"]
            merged = {**(values[0] if values else {}), **schema}
            if "type" in merged:
                schemas[name] = {k: v for k, v in merged.items() if (k, v) != ("default", None)}
        return schemas

    @classmethod
    def _input_error(cls, error: ValidationError) -> InputError:
        first = error.errors(include_url=False, include_context=False)[0]
        name = str(first["loc"][0])
        schema = cls.schemas().get(name)
        if schema is None:
            return InputError(flag_of(name), expected="a known flag", received=first["input"])
        flag = cls.flag(name)
        expected = flag.expected or describe_values(schema, unit=flag.unit)
        received = None if first["type"] == "missing" else first["input"]
        return InputError(flag_of(name), expected=expected, received=received)
