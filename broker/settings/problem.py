"""What is wrong with the settings, told to the operator."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake: the dotted ``key``, what is ``wrong`` with it, and what would be ``right``."""

    key: str
    wrong: str
    right: str

    def __str__(self) -> str:
        return f"{self.key} {self.wrong}; right would be: {self.right}"


class SettingsError(Exception):
    """The settings cannot be used. ``problems`` holds every mistake, none with a secret in it."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems
