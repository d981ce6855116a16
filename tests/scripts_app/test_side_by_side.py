"""Two texts beside each other."""

from scripts_app.side_by_side import side_by_side


def kinds(old, new):
    return [(line.kind, line.old, line.new) for line in side_by_side(old, new)]


def test_equal_texts_have_no_rows():
    assert kinds("a\nb", "a\nb") == []


def test_changed_added_and_removed_lines_stand_beside_each_other():
    assert kinds("a\nb\nc", "a\nB\nc\nd") == [
        ("same", "a", "a"),
        ("changed", "b", "B"),
        ("same", "c", "c"),
        ("added", "", "d"),
    ]
    assert kinds("a\nb", "a") == [("same", "a", "a"), ("removed", "b", "")]


def test_far_away_equal_lines_are_left_out():
    text = "\n".join(map(str, range(20)))
    shown = kinds(text, text.replace("10", "ten"))
    assert shown[0][0] == shown[-1][0] == "gap"
    assert len(shown) == 9


def test_lines_keep_their_numbers():
    (line,) = [line for line in side_by_side("x\na", "x\ny\na") if line.kind == "added"]
    assert (line.old_number, line.new_number, line.new) == (None, 2, "y")
