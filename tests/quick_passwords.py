"""The settings of the site, with hashes of passwords that do not take a third of a second on purpose."""

from capacitor_web.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
