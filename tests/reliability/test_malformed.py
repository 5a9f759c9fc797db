"""It must show 3, in small: ``make malformed`` sends 100,000."""

from providers.standins import Standins
from tests.reliability.malformed import send


def test_t12_malformed_requests_over_all_endpoints_are_answered_and_break_nothing(standins: Standins) -> None:
    said: list[str] = []
    report = send(3000, seed=1, standins=standins, say=said.append)
    assert not report.wrong, "\n".join(report.wrong[:10])
    assert report.sent == 3000
    assert report.statuses[500] == 0
    assert report.growth < 1.5  # the first thousands fill what is kept once; flat is what a hundred thousand show
