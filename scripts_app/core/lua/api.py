"""The table of everything that scripts are given: proxies, manual and completion are made from it."""

from __future__ import annotations

from scripts_app.core.lua.api_dataset import DATASET, ITEM
from scripts_app.core.lua.api_member import ApiObject, Member, Parameter
from scripts_app.core.lua.api_queue import LIST, QUEUE, QUEUE_ITEM, STUDY_QUEUE

__all__ = ["OBJECTS", "ApiObject", "Member", "Parameter"]

_AE_TITLE = Parameter("aeTitle", "string")
_ANYTHING = Parameter("...", "value")
_LINES = (
    ("debug", "Debug; only visible at debug log level.", "log:debug('tags read')"),
    ("info", "Informational message.", "log:info('Processing started for', dataset:Get('Modality'))"),
    ("warn", "Warning.", "log:warn('Destination backlog detected:', backlog, 'items')"),
    ("error", "Error.", "log:error('Required tag missing')"),
)

ROUTE = ApiObject(
    "route",
    "Route images to additional destinations.",
    (
        Member(
            "Add",
            "Send a copy to a destination; the function edits that copy only, after all entries have run.",
            (Parameter("destination", "string"), Parameter("function", "function", optional=True)),
            errors="a destination that is unknown, disabled or not a Storage node; a call inside a route function",
            example="route:Add('RESEARCH', function(ds) ds:Set('PatientName', 'ANONYMOUS') end)",
            recorded=True,
        ),
        Member(
            "Drop",
            "Remove the original image; only routed copies are sent.",
            errors="a call inside a route function",
            example="route:Drop()",
            recorded=True,
        ),
    ),
)

FILE = ApiObject(
    "file",
    "Read-only metadata about the current image.",
    (
        Member(
            "sourceAeTitle",
            "AE title of the system that sent this image.",
            result="string",
            field=True,
            example="if file.sourceAeTitle == 'CT_SCANNER_1' then dataset:Set('StationName', 'CT Room 1') end",
        ),
        Member(
            "destinationAeTitle",
            "AE title of the destination this image is being prepared for.",
            result="string",
            field=True,
            example="if file.destinationAeTitle == 'EXTERNAL_PACS' then dataset:Remove('PatientBirthDate') end",
        ),
    ),
)

NODE = ApiObject(
    "node",
    "Delivery figures of the nodes.",
    (
        Member(
            "stats",
            "Deliveries of one node: success, failed, timedOut, avgTransferMs and others.",
            (_AE_TITLE,),
            "table",
            "an AE title that no node answers to",
            "local failed = node:stats('ARCHIVE').recentFailed",
        ),
        Member(
            "echo",
            "C-ECHO a node now (kept 60 s): success, latencyMs, message. Waits for the answer.",
            (_AE_TITLE,),
            "table",
            "an AE title that no node answers to",
            "if not node:echo('ARCHIVE').success then error('retry: ARCHIVE is away') end",
        ),
    ),
)

LOG = ApiObject(
    "log",
    "Write to the common application log, each line prefixed with [lua].",
    tuple(Member(name, text, (_ANYTHING,), example=example, recorded=True) for name, text, example in _LINES),
)

STUDY = ApiObject(
    "study",
    "Key-value state shared across images in the same study, forgotten after 24 hours without use.",
    (
        Member(
            "queue",
            "Queue queries scoped to the current study; nil when the image has no StudyInstanceUID.",
            result="study.queue",
            field=True,
            example="if study.queue then print(study.queue:totalCount()) end",
        ),
    ),
    kind="table",
    example="study.image_count = (study.image_count or 0) + 1",
)

SERIES = ApiObject(
    "series",
    "Key-value state shared across images in the same series, forgotten after 24 hours without use.",
    kind="table",
    example="series.last_instance = dataset:Get('SOPInstanceUID')",
)

FUNCTIONS = ApiObject(
    "functions",
    "Functions that stand alone.",
    (
        Member(
            "print",
            "Write to the item log of this image only.",
            (_ANYTHING,),
            example="print('Modality:', dataset:Get('Modality'))",
            recorded=True,
        ),
        Member("uid", "Make a new DICOM UID.", result="string", example="dataset:Set('SOPInstanceUID', uid())"),
        Member(
            "sh_quote",
            "Quote values for a shell command, each as one word that the shell leaves alone, with spaces between.",
            (_ANYTHING,),
            "string",
            "a value that is nil or holds a NUL",
            "local command = sh_quote('logger', '--', dataset:Get('PatientName'))",
        ),
        Member(
            "include",
            "Run a library file, at most once per image; returns what the file returned.",
            (Parameter("path", "string"),),
            "value",
            "a path that is absolute, holds .., does not end in .lua or names no library",
            "include('libs/phi.lua') strip_phi(dataset)",
        ),
    ),
    kind="function",
)

OBJECTS = (
    DATASET,
    ITEM,
    ROUTE,
    FILE,
    QUEUE,
    STUDY,
    STUDY_QUEUE,
    SERIES,
    LIST,
    QUEUE_ITEM,
    NODE,
    LOG,
    FUNCTIONS,
)
"""In the manual's order."""
