"""A condition that cannot be read."""


class WrongCondition(ValueError):
    """A tag or an expression cannot be read; the message names the field, its value and the nearest valid one."""
