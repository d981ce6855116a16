"""What preparing needs of the environment's settings."""

from dataclasses import dataclass
from datetime import timedelta

from routing.engine.preparing.script_process import ScriptUser
from scripts_app.core.lua.limits import Limits


@dataclass(frozen=True, slots=True)
class PrepareSettings:
    own_ae_title: str
    batch_size: int
    limits: Limits
    retry_after: timedelta
    tries: int
    """A preparation that began so often without an end is given up."""
    process_delay: timedelta
    apart: bool = False
    """Strict mode: a process for each image."""
    script_user: ScriptUser | None = None
    """Who those processes are; None: the router's own user."""
