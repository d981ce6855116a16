"""Settings are read from the environment and .env; a wrong one is named, a secret one never shown."""

import errno
import os
import re
import sqlite3
import stat
from contextlib import closing
from dataclasses import fields
from pathlib import Path

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured

from capacitor_web.backends import channel_layer, database, signing_key
from capacitor_web.environment import Environment, given_variables, unknown_variables
from capacitor_web.setting_kinds import as_text


def read(base_dir: Path, **variables: str) -> Environment:
    return Environment.read(base_dir, variables)


def complaint(base_dir: Path, **variables: str) -> str:
    with pytest.raises(ImproperlyConfigured) as caught:
        read(base_dir, **variables)
    return str(caught.value)


def test_without_any_variable_the_defaults_hold(tmp_path):
    settings = read(tmp_path)
    assert settings.web_port == 8080
    assert settings.dicom_port == 11112
    assert settings.ae_title == "CAPACITOR"
    assert settings.data_dir == tmp_path / "data"
    assert settings.accept_unknown_senders is False


@pytest.mark.parametrize("row", fields(Environment), ids=lambda row: row.name)
def test_every_default_reads_back_from_its_own_text(row):
    text = as_text(row.default)
    if text and row.name != "data_dir":
        assert row.metadata["kind"].read(text) == row.default


def test_every_setting_has_a_variable_of_its_own_and_a_meaning():
    names = [row.metadata["name"] for row in fields(Environment)]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[A-Z][A-Z_]+", name) for name in names)
    assert all(row.metadata["meaning"] for row in fields(Environment))


def test_no_setting_is_without_effect():
    root = Path(__file__).resolve().parents[2]
    sources = [path for app in ("capacitor_web", "routing", "scripts_app") for path in (root / app).rglob("*.py")]
    text = "\n".join(path.read_text() for path in sources if path.name != "environment.py")
    assert [row.name for row in fields(Environment) if not re.search(rf"\.{row.name}\b", text)] == []


def test_values_are_read_as_what_they_are(tmp_path):
    settings = read(
        tmp_path,
        CAPACITOR_WEB_PORT=" 9000 ",
        CAPACITOR_DEBUG="Yes",
        CAPACITOR_ALLOWED_HOSTS="router.example, localhost ,",
        CAPACITOR_TIME_ZONE="Europe/Berlin",
        CAPACITOR_DATA_DIR=str(tmp_path / "elsewhere"),
    )
    assert settings.web_port == 9000
    assert settings.debug is True
    assert settings.allowed_hosts == ("router.example", "localhost")
    assert settings.time_zone == "Europe/Berlin"
    assert settings.data_dir == tmp_path / "elsewhere"


def test_files_and_folders_begin_where_the_router_is_wherever_a_command_is_called(tmp_path, monkeypatch):
    """A restore that was called from elsewhere went into a folder of the same name there."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (tmp_path / ".env").write_text("CAPACITOR_DATA_DIR=mine/../data\nCAPACITOR_TLS_KEY=tls/key.pem\n")
    settings = read(tmp_path, CAPACITOR_TLS_CERTIFICATE="/etc/tls/cert.pem")
    assert settings.data_dir == tmp_path / "data"
    assert (settings.tls_certificate, settings.tls_key) == ("/etc/tls/cert.pem", str(tmp_path / "tls/key.pem"))
    (tmp_path / "loop").symlink_to("loop")
    assert "is no folder that there can be" in complaint(tmp_path, CAPACITOR_DATA_DIR="loop")


def test_hosts_and_origins_of_every_form_are_taken(tmp_path):
    hosts = ("router.example", ".example", "*", "192.0.2.7", "[2001:db8::7]", "under_score")
    origins = ("https://router.example", "http://192.0.2.7:8080", "https://*.example", "https://[2001:db8::7]")
    written = {"CAPACITOR_ALLOWED_HOSTS": ",".join(hosts), "CAPACITOR_TRUSTED_ORIGINS": ",".join(origins)}
    settings = read(tmp_path, **written)
    assert (settings.allowed_hosts, settings.trusted_origins) == (hosts, origins)


def test_an_empty_value_means_the_default(tmp_path):
    assert read(tmp_path, CAPACITOR_WEB_PORT="").web_port == 8080


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CAPACITOR_WEB_PORT", "99999", "the nearest is 65535"),
        ("CAPACITOR_LUA_SECONDS", "0", "the nearest is 1"),
        ("CAPACITOR_WEB_PORT", "http", "must be a whole number from 0 to 65535"),
        ("CAPACITOR_DEBUG", "maybe", "must be 1 or 0"),
        ("LUA_STDLIB", "restrictd", "did you mean restricted?"),
        ("CAPACITOR_LOG_LEVEL", "info", "did you mean INFO?"),
        ("CAPACITOR_TIME_ZONE", "Europe/Berln", "such as Europe/Berlin"),
        ("CAPACITOR_AE_TITLE", "SEVENTEEN_LETTERS", "at most 16"),
        ("CAPACITOR_AE_TITLE", "BACK\\SLASH", "not allowed"),
        (
            "CAPACITOR_ALLOWED_HOSTS",
            "a.example,https://b.example",
            "without scheme, port and path, such as router.example",
        ),
        ("CAPACITOR_ALLOWED_HOSTS", "router.example:8080", "'router.example:8080' is none"),
        ("CAPACITOR_ALLOWED_HOSTS", "::1", "'::1' is none"),
        ("CAPACITOR_TRUSTED_ORIGINS", "router.example", "must be scheme and host such as https://router.example"),
        (
            "CAPACITOR_TRUSTED_ORIGINS",
            "https://r.example:8443/",
            "must be scheme and host such as https://r.example:8443",
        ),
    ],
)
def test_a_wrong_value_is_named_with_what_would_be_right(tmp_path, name, value, said):
    text = complaint(tmp_path, **{name: value})
    assert f"{name}={value!r}: " in text
    assert said in text


def test_all_wrong_values_are_named_at_once(tmp_path):
    text = complaint(tmp_path, CAPACITOR_WEB_PORT="x", CAPACITOR_DEBUG="x")
    assert "CAPACITOR_WEB_PORT" in text
    assert "CAPACITOR_DEBUG" in text


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL"])
def test_a_wrong_url_is_named_but_its_password_is_not_shown(tmp_path, name):
    text = complaint(tmp_path, **{name: "mysql://user:hunter2@host/base"})
    assert f"{name}: must begin with" in text
    assert "hunter2" not in text


@pytest.mark.parametrize("rest", ["cache:port", "cache:70000/0", "user:correct/horse@cache:6379/0", "[::1:6379/0"])
def test_a_redis_url_that_cannot_be_taken_apart_is_told_without_any_of_it(tmp_path, rest):
    """The router started, and every live page failed with a traceback that did not name the setting."""
    with pytest.raises(ImproperlyConfigured) as caught:
        channel_layer(read(tmp_path, REDIS_URL=f"redis://{rest}"))
    assert "REDIS_URL: must be redis://user:password@host:port/number" in str(caught.value)
    assert not any(word in str(caught.value) for word in ("correct", "horse", "cache"))


def test_a_list_of_host_names_that_names_none_is_refused(tmp_path):
    """Every page would have been answered with error 400."""
    assert "CAPACITOR_ALLOWED_HOSTS=',': names no host" in complaint(tmp_path, CAPACITOR_ALLOWED_HOSTS=" , ")


def test_the_lines_of_dotenv_are_settings_too(tmp_path):
    (tmp_path / ".env").write_text("# ports\nCAPACITOR_WEB_PORT=9001\nexport CAPACITOR_AE_TITLE='ROUTER'\n")
    settings = read(tmp_path)
    assert settings.web_port == 9001
    assert settings.ae_title == "ROUTER"


def test_the_environment_wins_over_dotenv(tmp_path):
    (tmp_path / ".env").write_text("CAPACITOR_WEB_PORT=9001\n")
    assert read(tmp_path, CAPACITOR_WEB_PORT="9002").web_port == 9002


def test_reading_dotenv_leaves_the_given_environment_alone(tmp_path):
    (tmp_path / ".env").write_text("CAPACITOR_WEB_PORT=9001\n")
    environment = {}
    Environment.read(tmp_path, environment)
    assert environment == {}


def test_a_line_of_dotenv_that_is_none_is_named_by_number_without_its_text(tmp_path):
    (tmp_path / ".env").write_text("CAPACITOR_DEBUG=0\nCAPACITOR_ADMIN_PASSWORD = hunter2\n")
    text = complaint(tmp_path)
    assert ".env, line 2" in text
    assert "hunter2" not in text


def test_a_mistyped_variable_is_found_with_the_setting_it_may_mean(tmp_path):
    given = given_variables(tmp_path, {"CAPACITOR_WEBPORT": "1", "CAPACITOR_WEB_PORT": "1", "HOME": "x"})
    assert unknown_variables(given) == {"CAPACITOR_WEBPORT": "CAPACITOR_WEB_PORT"}


def test_the_database_is_sqlite_in_the_data_folder_unless_a_url_is_set(tmp_path):
    assert database(read(tmp_path))["NAME"] == tmp_path / "data" / "capacitor.sqlite3"
    postgres = database(read(tmp_path, DATABASE_URL="postgres://router:pw@db.example:5433/capacitor"))
    assert postgres["ENGINE"] == "django.db.backends.postgresql"
    assert (postgres["HOST"], postgres["PORT"], postgres["NAME"]) == ("db.example", 5433, "capacitor")


@pytest.mark.parametrize(
    "url", ["postgres://router:hunter2@db.example", "postgresql://router:hunter2@db.example:5432/"]
)
def test_a_url_that_names_no_database_is_told_by_its_variable(tmp_path, url):
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL: names no database; it must end in /name") as caught:
        database(read(tmp_path, DATABASE_URL=url))
    assert "hunter2" not in str(caught.value)
    assert database(read(tmp_path, DATABASE_URL="postgres:///?service=router"))["OPTIONS"]["service"] == "router"


def test_a_database_server_that_vanishes_is_noticed_soon_unless_the_url_says_otherwise(tmp_path):
    options = database(read(tmp_path, DATABASE_URL="postgres://router@db.example/capacitor"))["OPTIONS"]
    assert 0 < options["connect_timeout"] <= 30
    assert 0 < options["keepalives_idle"] + options["keepalives_interval"] * options["keepalives_count"] <= 30
    assert 0 < options["tcp_user_timeout"] <= 30_000, "milliseconds"
    psycopg.conninfo.make_conninfo(**options)
    own = "postgres://router@db.example/capacitor?tcp_user_timeout=900000&sslmode=require"
    said = database(read(tmp_path, DATABASE_URL=own))["OPTIONS"]
    assert said == options | {"tcp_user_timeout": 900_000, "sslmode": "require"}


def test_the_database_file_and_its_journal_are_readable_by_their_owner_alone(tmp_path):
    path = database(Environment(data_dir=tmp_path))["NAME"]
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE t (x)")
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert modes == {f"capacitor.sqlite3{end}": 0o600 for end in ("", "-wal", "-shm")}


@pytest.mark.parametrize("left", [b"", b"\0" * 64, b"\xff\xfe", b"\n"])
def test_a_signing_key_that_a_power_cut_has_emptied_is_made_anew(tmp_path, left, capsys):
    """The site started and answered every page with an error."""
    path = tmp_path / "secret_key"
    path.write_bytes(left)
    key = signing_key(Environment(data_dir=tmp_path))
    assert len(key) == 64
    assert "secret_key held no key: a new one is made" in capsys.readouterr().err
    assert key == path.read_text() == signing_key(Environment(data_dir=tmp_path))


def test_the_signing_key_is_made_once_and_readable_by_its_owner_alone(tmp_path):
    settings = read(tmp_path)
    key = signing_key(settings)
    assert len(key) >= 50
    assert signing_key(settings) == key
    assert stat.S_IMODE((tmp_path / "data" / "secret_key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_a_signing_key_that_is_set_is_not_written_down(tmp_path):
    assert signing_key(read(tmp_path, CAPACITOR_SECRET_KEY="given")) == "given"
    assert not (tmp_path / "data" / "secret_key").exists()


def test_a_data_folder_that_cannot_be_made_ends_the_start_with_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit, match="CAPACITOR_DATA_DIR: cannot use"):
        signing_key(read(tmp_path, CAPACITOR_DATA_DIR=str(tmp_path / "file" / "data")))


@pytest.mark.parametrize(
    "rest", ["user:correct/horse@db/x", "user:correct?horse@db/x", "u:pw@db:70000/x", "u:pw@[::1/x"]
)
def test_a_database_url_that_cannot_be_taken_apart_is_told_without_any_of_it(tmp_path, rest):
    with pytest.raises(ImproperlyConfigured) as caught:
        database(read(tmp_path, DATABASE_URL=f"postgres://{rest}"))
    assert "DATABASE_URL: must be postgres://user:password@host:port/name" in str(caught.value)
    assert caught.value.__suppress_context__
    assert "correct" not in str(caught.value)


def test_an_env_file_that_is_no_text_is_told_by_its_line_and_without_it(tmp_path):
    (tmp_path / ".env").write_bytes("CAPACITOR_WEB_PORT=8081\nCAPACITOR_ADMIN_PASSWORD=größer\n".encode("latin-1"))
    assert complaint(tmp_path) == ".env, line 2: is not UTF-8; save the file as UTF-8"


def test_an_env_file_that_cannot_be_read_is_told(tmp_path, monkeypatch):
    (tmp_path / ".env").touch()

    def refuse(path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    # Tests may run as root, who may read everything.
    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert complaint(tmp_path) == f"{tmp_path / '.env'} cannot be read: Permission denied"


def test_an_env_file_may_begin_with_the_mark_of_windows(tmp_path):
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfCAPACITOR_WEB_PORT=8081\r\n")
    assert read(tmp_path).web_port == 8081


def test_a_home_folder_that_nobody_has_is_a_wrong_folder(tmp_path):
    assert "CAPACITOR_DATA_DIR='~nobody-at-all/x': " in complaint(tmp_path, CAPACITOR_DATA_DIR="~nobody-at-all/x")
