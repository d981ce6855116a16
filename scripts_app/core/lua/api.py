"""The table of everything that scripts are given: proxies, manual and completion are made from it."""

from __future__ import annotations

from scripts_app.core.lua.api_dataset import DATASET, ITEM, QUEUE_ITEM
from scripts_app.core.lua.api_member import ApiObject, Member, Parameter

__all__ = ["OBJECTS", "ApiObject", "Member", "Parameter"]

_STATE = Parameter("state", "string")
_SOME_STATE = Parameter("state", "string", optional=True)
_STUDY = Parameter("studyUID", "string")
_AE_TITLE = Parameter("aeTitle", "string")
_ANYTHING = Parameter("...", "value")
_UNKNOWN_STATE = "a state that is not New, Prepared, Failed, Rejected or Expired"
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

QUEUE = ApiObject(
    "queue",
    "Read-only queries against the processing queue; each answer is a snapshot.",
    (
        Member("total", "Number of items in the queue.", result="number", example="print(queue:total())"),
        Member(
            "count",
            "Count of items in a state.",
            (_STATE,),
            "number",
            _UNKNOWN_STATE,
            "local pending = queue:count('New')",
        ),
        Member(
            "countByStudy",
            "Count of items belonging to a study, of one state if given.",
            (_STUDY, _SOME_STATE),
            "number",
            _UNKNOWN_STATE,
            "local failed = queue:countByStudy(dataset:Get('StudyInstanceUID'), 'Failed')",
        ),
        Member(
            "countByDestination",
            "Count of items destined for an AE title, of one state if given.",
            (_AE_TITLE, _SOME_STATE),
            "number",
            _UNKNOWN_STATE,
            "if queue:countByDestination('AI_SERVER', 'Failed') > 10 then print('too many') end",
        ),
        Member(
            "findByStudy",
            "All items of a study.",
            (_STUDY,),
            "list of queue items",
            example="for _, item in ipairs(queue:findByStudy('1.2.3')) do print(item.state) end",
        ),
        Member(
            "findByState",
            "All items in a state.",
            (_STATE,),
            "list of queue items",
            _UNKNOWN_STATE,
            "print(queue:findByState('Failed'):count())",
        ),
        Member(
            "findByDestination",
            "All items for a destination, of one state if given.",
            (_AE_TITLE, _SOME_STATE),
            "list of queue items",
            _UNKNOWN_STATE,
            "local oldest = queue:findByDestination('ARCHIVE', 'Prepared'):get(1)",
        ),
    ),
)

STUDY_QUEUE = ApiObject(
    "study.queue",
    "The queries of queue for the current image's study.",
    (
        Member(
            "totalCount",
            "Total items in this study.",
            result="number",
            example="print(study.queue:totalCount(), 'images of this study wait')",
        ),
        Member(
            "countByState",
            "Items in this study with a state.",
            (_STATE,),
            "number",
            _UNKNOWN_STATE,
            "if study.queue:countByState('New') > 1 then print('more to come') end",
        ),
        Member(
            "items",
            "All items in this study.",
            result="list of queue items",
            example="for _, item in ipairs(study.queue:items()) do print(item.state, item.modality) end",
        ),
        Member(
            "itemsByState",
            "Items in this study filtered by state.",
            (_STATE,),
            "list of queue items",
            _UNKNOWN_STATE,
            "for _, item in ipairs(study.queue:itemsByState('Failed')) do print(item.lastError) end",
        ),
        Member(
            "destinations",
            "Distinct destination AE titles for this study.",
            result="list of strings",
            example="print('Study destinations:', study.queue:destinations().Length)",
        ),
        Member(
            "modalities",
            "Distinct modalities for this study.",
            result="list of strings",
            example="for _, modality in ipairs(study.queue:modalities()) do print(modality) end",
        ),
    ),
)

LIST = ApiObject(
    "list",
    "What queries return; #list, ipairs(list) and list[i] work, too.",
    (
        Member(
            "count",
            "Number of elements.",
            result="number",
            example="for i = 1, list:count() do print(list:get(i).state) end",
        ),
        Member(
            "get",
            "Element i, counted from 1; nil beyond the end.",
            (Parameter("i", "number"),),
            "value",
            example="local first = list:get(1)",
        ),
        Member(
            "Length",
            "Number of elements.",
            result="number",
            field=True,
            example="if list.Length == 0 then print('none') end",
        ),
    ),
    kind="value",
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
