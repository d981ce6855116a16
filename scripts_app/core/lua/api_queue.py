"""The table's part about the queue: what scripts ask it, the lists that it answers with, and their items."""

from __future__ import annotations

from scripts_app.core.lua.api_member import ApiObject, Member, Parameter

_STATE = Parameter("state", "string")
_SOME_STATE = Parameter("state", "string", optional=True)
_STUDY = Parameter("studyUID", "string")
_AE_TITLE = Parameter("aeTitle", "string")
_UNKNOWN_STATE = "a state that is not New, Prepared, Failed, Rejected or Expired"

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

_FIELDS = (
    ("id", "number", "Internal record ID."),
    ("state", "string", "New, Prepared, Failed, Rejected or Expired."),
    ("sourceAeTitle", "string", "AE title of the sender."),
    ("destinationAeTitle", "string", "AE title of the destination."),
    ("studyInstanceUID", "string", "DICOM Study Instance UID."),
    ("seriesInstanceUID", "string", "DICOM Series Instance UID."),
    ("sopInstanceUID", "string", "DICOM SOP Instance UID."),
    ("sopClassUID", "string", "DICOM SOP Class UID."),
    ("modality", "string", "DICOM modality."),
    ("patientID", "string", "Patient ID."),
    ("patientName", "string", "Patient name."),
    ("accessionNumber", "string", "Accession number."),
    ("attemptCount", "number", "Number of delivery attempts."),
    ("lastError", "string", "Last error message; nil if there is none."),
    ("format", "string", "File format."),
    ("pendingState", "string", "Deferred state change; nil if there is none."),
    ("createdAt", "string", "ISO 8601 timestamp when the item entered the queue."),
    ("updatedAt", "string", "ISO 8601 timestamp of the last state change."),
)

QUEUE_ITEM = ApiObject(
    "queue item",
    "One item of the queue; all fields are read-only.",
    tuple(Member(name, text, result=kind, field=True, example=f"print(item.{name})") for name, kind, text in _FIELDS),
    kind="value",
)
