"""The command line of docs/registry.md, as it stands there."""

import re
import time
from pathlib import Path

import pytest

from tests.oidc.device.command_line import answered
from tests.world import Page, World

GUIDE = Path(__file__).parents[3] / "docs" / "registry.md"


@pytest.mark.parametrize(
    "answer, said", [("allow", "You are signed in."), ("deny", "You are not signed in: access_denied")]
)
def test_the_command_line_of_the_guide_works(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, answer: str, said: str
) -> None:
    found = re.search(r"<!-- example: command_line.py -->\n```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert found
    visitor = world.visitor()
    visitor.open_account("oidc-mfa", "generic")
    slept: list[int] = []

    def meanwhile(seconds: int) -> None:
        """Wait for one poll, then decide in the browser."""
        slept.append(seconds)
        if len(slept) == 3:
            link = re.search(r"or open (\S+) and", capsys.readouterr().out)
            assert link
            form = visitor.page(visitor.get(link[1]))
            code = link[1].partition("user_code=")[2]
            response = visitor.post("/device", {"user_code": code, "csrf_token": form.form_token()})
            page = visitor.walk(response)
            assert isinstance(page, Page)
            answered(visitor, page, answer)

    monkeypatch.setenv("ISSUER", world.base)
    monkeypatch.setenv("CLIENT_ID", "cli")
    monkeypatch.setattr(time, "sleep", meanwhile)
    exec(compile(found[1], "command_line.py", "exec"), {})  # noqa: S102 - the words of our own guide
    assert capsys.readouterr().out.strip() == said
    assert slept == [5, 5, 10], "it slows down when it is told to"
