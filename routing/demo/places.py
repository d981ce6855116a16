"""Where the parts of the demo find each other when nobody says otherwise."""

from django.conf import settings

_FIRST_AFTER_LISTENER = 10


def first_destination_port() -> int:
    """The port of the first sample destination; the others follow it."""
    return int(settings.CAPACITOR.dicom_port or 11112) + _FIRST_AFTER_LISTENER


def listener_address() -> tuple[str, int]:
    """Host and port on which this machine's DICOM listener can be reached."""
    host = settings.CAPACITOR.dicom_host
    everywhere = host in ("", "0.0.0.0", "::")  # noqa: S104 (compared, not bound)
    return ("127.0.0.1" if everywhere else host), int(settings.CAPACITOR.dicom_port)
