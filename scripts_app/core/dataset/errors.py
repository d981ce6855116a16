"""What can be wrong with a received file, and what with what an author asks of it."""


class NotIndexable(Exception):
    """The header index cannot be trusted with this file; the slow path (slow_path.py) has to do it."""


class NestedTooDeep(NotIndexable):
    """Sequences inside sequences, deeper than any image needs: no path can do it."""


class ElementTwice(NotIndexable):
    """An element stands there twice: whichever is taken for it, the other would be lost."""


class DatasetError(Exception):
    """An author's mistake, or a value that cannot be read: names the tag, the value and what would do."""
