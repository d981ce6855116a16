"""
Settings of the site; everything an operator may change comes from the environment or a ``.env`` file.

``docs/settings.md`` lists each with type, unit and default; ``capacitor_web/environment.py``
reads and checks them, so that a wrong value is one clear message at start-up.
"""

from pathlib import Path

from capacitor_web.backends import channel_layer, database, signing_key
from capacitor_web.environment import Environment
from routing.processes.application_log import PROBES

BASE_DIR = Path(__file__).resolve().parent.parent
CAPACITOR = Environment.read(BASE_DIR)

SECRET_KEY = signing_key(CAPACITOR)
DEBUG = CAPACITOR.debug
ALLOWED_HOSTS = list(CAPACITOR.allowed_hosts)
CSRF_TRUSTED_ORIGINS = list(CAPACITOR.trusted_origins)

INSTALLED_APPS = [
    # Its pages are found when somebody asks for a URL: no command pays for them.
    "capacitor_web.apps.AdministrationConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "django_htmx",
    "axes",
    "scripts_app",
    "routing",
    "capacitor_web.apps.CapacitorWebConfig",
]
MIDDLEWARE = [
    "capacitor_web.middleware.by_any_name",
    "capacitor_web.sessions.real_address",
    "capacitor_web.sessions.Audited",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "capacitor_web.middleware.ContentSecurityPolicyMiddleware",
    "capacitor_web.middleware.known_methods_only",
    "capacitor_web.middleware.forms_only_in_words",
    "capacitor_web.middleware.seen_at_once",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "capacitor_web.sessions.sessions_end",
    "capacitor_web.sessions.LoggedInOnly",
    "capacitor_web.middleware.RowsOnly",
    "capacitor_web.middleware.NoNul",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "capacitor_web.urls"
ASGI_APPLICATION = "capacitor_web.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "capacitor_web.middleware.csp_nonce",
            ],
        },
    },
]

DATABASES = {"default": database(CAPACITOR)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CHANNEL_LAYERS = {"default": channel_layer(CAPACITOR)}

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "dashboard"
LOGOUT_REDIRECT_URL = "login"
# Locked for user and address together: locking the user alone would let anybody lock out an operator.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 5
AXES_RESET_ON_SUCCESS = True
AXES_COOLOFF_TIME = 0.25
"""Hours."""
AXES_VERBOSE = False
AXES_LOCKOUT_TEMPLATE = "account/lockout.html"

# An entry's conditions are five fields each, and MOST_ROWS of them are saved (scripts_app/entry_form.py).
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000

SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = CAPACITOR.https
SECURE_SSL_REDIRECT = CAPACITOR.https
SECURE_REDIRECT_EXEMPT = [f"^({'|'.join(PROBES)})$"]
SECURE_HSTS_SECONDS = 365 * 86400 if CAPACITOR.https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = CAPACITOR.https
# To be in the lists of the browsers themselves is for the owner of the domain to ask for.
SILENCED_SYSTEM_CHECKS = ["security.W021"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if CAPACITOR.https else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

LANGUAGE_CODE = "en-gb"
USE_I18N = False
USE_TZ = True
TIME_ZONE = CAPACITOR.time_zone

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
"""Serves straight from static/, so that nothing has to be collected before the first start."""

LOGGING_CONFIG = None
"""Each process sets up its own logging (routing/processes/application_log.py)."""
