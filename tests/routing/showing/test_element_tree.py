"""A listing of elements as a tree that folds."""

from routing.showing.element_tree import tree_of


def row(depth, vr="LO", length=1):
    return {"depth": depth, "vr": vr, "length": length}


def test_a_tree_opens_and_closes_every_part_once_however_deep():
    deep = [row(depth, "" if depth % 2 else "SQ") for depth in range(128)]
    tree = tree_of([*deep, row(128), row(0), row(0, "SQ", 0), row(0, "SQ"), row(1, ""), row(2)])
    opened = sum(line.opens for line in tree.lines)
    closed = sum(len(line.closes) for line in tree.lines) + len(tree.closes)
    assert opened == closed == 130
    assert [len(line.closes) for line in tree.lines[-5:]] == [128, 0, 0, 0, 0]
    assert len(tree.closes) == 2
