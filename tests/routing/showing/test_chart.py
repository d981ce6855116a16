"""Charts as SVG paths."""

from routing.showing.chart import chart, figure, round_top, steps


def test_the_edge_of_a_chart_is_a_round_number_above_all_values():
    assert [round_top(value) for value in (0, 0.07, 0.3, 1, 7, 12, 501)] == [0.1, 0.1, 0.5, 1, 10, 20, 1000]


def test_figures_have_as_many_digits_as_a_person_reads():
    assert [figure(value) for value in (0, 0.01, 0.25, 3, 9.96, 12.4)] == ["0", "< 0.1", "0.2", "3", "10", "12"]


def test_the_path_walks_over_the_bars():
    assert steps([0, 0.5, 1, 2], 40, 10) == "V10H10V5H20V0H30V0H40"


def test_an_empty_chart_is_a_flat_line():
    drawn = chart("Images", "a minute", [], [])
    assert (drawn.line, drawn.bars) == ("M0 100", ())
