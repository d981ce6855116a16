"""A condition that cannot be read."""


class ConfigurationError(ValueError):
    """The configuration is wrong; the message names the field, its value and the nearest valid one."""
