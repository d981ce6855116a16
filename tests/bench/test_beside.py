"""The table of a comparison says what was measured, and whether it is enough."""

from typing import Any

from tests.bench.beside import Comparison, report

EDITS = Comparison("three edits by Lua", "ct", 1, "product-modify", ("orthanc-a", "orthanc-b"), 5, 4)


def run(rate: float, cpu: float, lost: int = 0) -> dict[str, Any]:
    return {"e2e_ips": rate, "peer_ms_img": cpu, "peak_rss_mb": 100.0, "lost": lost, "failed": 0}


def test_medians_are_compared_with_the_best_of_the_others() -> None:
    runs = {
        (EDITS.name, peer, number): run(rate, cpu)
        for peer, rates, cpu in (
            ("product-modify", (600, 900, 800), 2.0),
            ("orthanc-a", (150, 160, 140), 9.0),
            ("orthanc-b", (90,), 1.0),
        )
        for number, rate in enumerate(rates)
    }
    line = report([EDITS], runs, "settings")[-1]
    assert "| 800, 2.00, 100 (3 runs) | orthanc-a: 150, 9.00, 100 (3 runs) | 5.33 | 4.50 |" in line
    assert line.endswith("| ≥ 5, CPU ≥ 4: met |")


def test_what_is_too_slow_or_too_dear_is_missed_and_what_was_lost_is_told() -> None:
    runs = {(EDITS.name, "product-modify", 0): run(800, 3.0, lost=2), (EDITS.name, "orthanc-a", 0): run(150, 9.0)}
    line = report([EDITS], runs, "settings")[-1]
    assert "(1 runs, 2 lost)" in line
    assert line.endswith(": missed |")


def test_what_was_not_measured_has_no_line() -> None:
    assert report([EDITS], {}, "settings")[0] == "settings"
    assert len(report([EDITS], {}, "settings")) == 4
