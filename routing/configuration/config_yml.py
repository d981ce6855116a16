"""Read config.yml: which of its keys apply here, as which environment variable, and which filters are on."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from ruamel.yaml.nodes import Node, ScalarNode

from routing.configuration.nodes_yml import unwritable
from scripts_app.configuration.yaml_file import YamlFile, line_of
from scripts_app.core.nearest import did_you_mean

FILE = "config.yml"


@dataclass(frozen=True, slots=True)
class Counterpart:
    """The setting that does what a key of config.yml does; values and units are the same."""

    variable: str
    attribute: str
    """Name in settings.CAPACITOR."""
    product_default: str


COUNTERPARTS = {
    "myAeTitle": Counterpart("CAPACITOR_AE_TITLE", "ae_title", "FLUX_CAPACITOR"),
    "aeTitlePrefix": Counterpart("CAPACITOR_AE_TITLE_PREFIX", "ae_title_prefix", "DCP_"),
    "scpPort": Counterpart("CAPACITOR_DICOM_PORT", "dicom_port", "1040"),
    "connectTimeoutSeconds": Counterpart("CAPACITOR_CONNECT_SECONDS", "connect_timeout", "30"),
    "stallThresholdSeconds": Counterpart("CAPACITOR_STALL_SECONDS", "stall_threshold", "90"),
    "storageTimeoutFloorSeconds": Counterpart("CAPACITOR_STORAGE_SECONDS", "storage_timeout", "900"),
    "expiryThreshold": Counterpart("CAPACITOR_EXPIRY_SECONDS", "expiry", "604800"),
    "defaultTransferSyntax": Counterpart("CAPACITOR_TRANSFER_SYNTAX", "transfer_syntax", ""),
    "processDelay": Counterpart("CAPACITOR_PROCESS_DELAY_MS", "process_delay", "0"),
    "batchSize": Counterpart("CAPACITOR_BATCH_SIZE", "batch_size", "0"),
    "maxClientsPerServer": Counterpart("CAPACITOR_MAX_ASSOCIATIONS", "max_associations", "0"),
    "cycleRejectedFilesOnStartup": Counterpart("CAPACITOR_RETRY_REJECTED_AT_START", "retry_rejected_at_start", "true"),
}
AT_0 = {
    **dict.fromkeys(("batchSize", "maxClientsPerServer"), "is no limit there; nothing needs to be set"),
    "scpPort": "is no listener there; set CAPACITOR_LISTENERS=0 (CAPACITOR_DICOM_PORT=0 is any free port)",
    "connectTimeoutSeconds": "is the limit of the operating system there; CAPACITOR_CONNECT_SECONDS is 3600 at most",
}
"""What 0 means in the product, where it means something else here."""
TOLD_WHEN_ABSENT = ("myAeTitle", "scpPort", "cycleRejectedFilesOnStartup")
"""What senders have been set up with, or works by itself there: its default is worth a word, for ours differs."""

_QUERY_KEYS = (
    "findScpPort",
    "storageCommitScpPort",
    "queryRetrieveScpPort",
    "limitMaxCMoveResponseRemainingCount",
    "worklistDays",
    "worklistInterval",
    "worklistFilterStored",
    "worklistAutomationEnabled",
    "prefetchConcurrency",
    "prefetchQueueSize",
    "redactedCFindLogging",
    "redactedCFindLoggingExtraTags",
    "storageReceiptExpiryHours",
    "storageCommitAeTitle",
    "storageCommitSendTimeout",
    "storageCommitPendingNEventReportRequestExpiry",
)
_NEEDLESS_KEYS = (
    "clientTimeout",
    "maxDataBuffer",
    "maxPDVsPerPDU",
    "maxEnumeratedFiles",
    "maxEnumeratedItems",
    "removeOrphanedIncomingFiles",
    "moveRejectedCachedFiles",
    "storageInterval",
    "minimumAge",
    "sendAbandonGraceSeconds",
    "supervisionFloorMinutes",
    "processDelayWindowMultiplier",
    "holdIncomingStorageAssociations",
    "storageAssociationHoldExpectedTtlSeconds",
    "activationCode",
    "logSuffix",
    "suppressLogAeTitles",
    "suppressWebLog",
    "daysToKeepLogs",
    "autoAdjustLineSpeed",
    "autoSaveLineSpeed",
)
_BY_NODE = "is set for each node here: write {} into nodes.yml"
ELSEWHERE: dict[str, str] = {
    **dict.fromkeys(_QUERY_KEYS, "is not handled: no queries, worklists or storage commitment"),
    **dict.fromkeys(_NEEDLESS_KEYS, "has no counterpart; nothing needs to be set"),
    **dict.fromkeys(("ctoConvert", "ctoExpiryMinutes", "ctoOnExpire"), "conversion of CTO objects is not handled"),
    **dict.fromkeys(("duplicateBehavior", "duplicateThreshold"), "every image is taken, also one that came before"),
    "api": "the web site has its own log-in and port; set CAPACITOR_WEB_PORT",
    "cachePath": "set CAPACITOR_DATA_DIR",
    "minFreeSpace": "is a share of the disk; set CAPACITOR_MIN_FREE_MIB, which is in MiB",
    "minimumLineSpeed": _BY_NODE.format("MinimumLineSpeed"),
    "processSchedule": _BY_NODE.format("ProcessSchedule"),
    "dropUnfilteredInstances": "is not handled; an entry with route:Drop() does it",
    "rejectAbstractSyntaxes": "is not handled; every storage SOP class is taken",
    "echoInterval": "set CAPACITOR_ECHO_SECONDS; 0 is never, as there",
}
"""Keys without a setting of the same meaning, and what to do instead."""

LEGACY = {
    "studyThreshold",
    "storageTimeout",
    "expiryThreshhold",
    "skipFailedCompression",
    "interval",
    "expirationAge",
    "resendAgeThreshhold",
    "aeTitle",
}
"""Keys that real files still hold and the product no longer reads; two of them misspelt."""

FILTERS = (
    "lua",
    "route",
    "mutate",
    "sort",
    "siemens_cto_converter",
    "hologic_sco_converter",
    "siemens_breast_density",
    "siemens_bonsai",
    "siemens_scorecard",
    "siemens_histogram",
    "siemens_positioner_angle",
    "siemens_distance_source_to_patient",
)
KEYS = (*COUNTERPARTS, *ELSEWHERE, *sorted(LEGACY), "filters")


def read_config(text: str, file: YamlFile, notes: list[str], settings: Any) -> bool:
    """
    Whether the Lua filter is on; what to set in the environment goes to ``notes``.

    ``settings`` is capacitor_web's Environment.  Nothing of
    config.yml is kept: settings come from the environment alone.
    """
    root = file.parse(text)
    found = file.keys(root, KEYS, FILE) if root is not None else {}
    for name, node in found.items():
        place = f"{FILE}:{line_of(node)}: {name}"
        if name in COUNTERPARTS:
            notes.append(f"{place}: {_advice(name, file.text(node, name).strip(), settings)}")
            if name == "defaultTransferSyntax" and (remark := unwritable(file.text(node, name).strip())):
                notes.append(f"{place} {remark}")
        elif name in ELSEWHERE:
            notes.append(f"{place} {ELSEWHERE[name]}")
        elif name in LEGACY:
            notes.append(f"{place} is an old key without effect")
    for name in TOLD_WHEN_ABSENT:
        if name not in found:
            advice = _advice(name, COUNTERPARTS[name].product_default, settings)
            notes.append(f"{FILE}: {name} is not given, its default there: {advice}")
    return _lua_is_on(found.get("filters"), file, notes)


def _advice(name: str, value: str, settings: Any) -> str:
    """What to set for one key and its value, which may be one that only the product takes."""
    counterpart = COUNTERPARTS[name]
    if value == "0" and name in AT_0:
        return f"0 {AT_0[name]}"
    current = getattr(settings, counterpart.attribute)
    written = {"true": "1", "false": "0"}.get(value.casefold(), value)
    now = str(int(current)) if isinstance(current, bool) else str(current)
    if not written and now:
        return f"an empty {counterpart.variable} means its default (now {now})"
    if written == now:
        return f"{counterpart.variable}={written} is set already"
    kind = next(row.metadata["kind"] for row in fields(settings) if row.name == counterpart.attribute)
    try:
        kind.read(written)
    except ValueError as error:
        return f"{value!r} is no value for {counterpart.variable}, which {error} (now {now or 'empty'})"
    return f"set {counterpart.variable}={written} (now {now or 'empty'})"


def _lua_is_on(node: Node | None, file: YamlFile, notes: list[str]) -> bool:
    if node is not None and not isinstance(node, ScalarNode):
        file.report(node, "filters must be one text with commas, such as: filters: route, lua")
        return False
    names = [name.strip() for name in file.text(node, "filters").split(",") if name.strip()]
    for name in names:
        if name not in FILTERS and node is not None:
            file.report(node, f"filters names {name!r}, which is no filter{did_you_mean(name, FILTERS)}")
    others = [name for name in names if name in FILTERS and name != "lua"]
    if others and node is not None:
        notes.append(f"{FILE}:{line_of(node)}: filters: {', '.join(others)} are not handled; only lua runs here")
    if "lua" not in names:
        notes.append(f"{FILE}: filters does not list lua, so every entry of lua.yml is imported disabled")
    return "lua" in names
