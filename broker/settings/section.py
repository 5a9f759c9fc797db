"""What every section of the settings has in common."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[int, Field(gt=0, description="a whole number of seconds above 0")]
ShortSeconds = Annotated[int, Field(gt=0, le=3600, description="a whole number of seconds from 1 to 3600")]
MinimumStrength = Literal["mfa", "phishing_resistant"]


class Section(BaseModel):
    """Frozen; an unknown key is a mistake; a message never quotes the input, which may be a secret."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
