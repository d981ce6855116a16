"""The table's part about data sets and their items."""

from __future__ import annotations

from dataclasses import replace

from scripts_app.core.lua.api_member import ApiObject, Member, Parameter

_PATH = Parameter("path", "string")
_BAD_PATH = "a path that cannot be read or a selector that fits several items"

_READING = (
    Member(
        "Get",
        "The value as a string, several joined by backslashes; nil if the tag is absent. Binary ones are their bytes.",
        (_PATH,),
        "string",
        _BAD_PATH + "; a sequence, whose items Items and ToTable read; a binary value of more than 16 MiB",
        "local name = dataset:Get('PatientName')",
    ),
    Member(
        "Exists",
        "Is the tag present, even if empty?",
        (_PATH,),
        "boolean",
        _BAD_PATH,
        "if dataset:Exists('RequestAttributesSequence[1].AccessionNumber') then print('requested') end",
    ),
    Member(
        "ToTable",
        "The data set, or what the path leads to, as plain Lua tables, without binary values.",
        (Parameter("path", "string", optional=True),),
        "table",
        _BAD_PATH,
        "local codes = dataset:ToTable('ProcedureCodeSequence')",
    ),
    Member(
        "Select",
        "The sequence item that the path leads to; nil if there is none.",
        (_PATH,),
        "item",
        _BAD_PATH,
        "local code = dataset:Select(\"ProcedureCodeSequence[CodingSchemeDesignator='LN']\")",
    ),
    Member(
        "Items",
        "All items of a sequence, or those that a selector fits.",
        (_PATH,),
        "list of items",
        _BAD_PATH,
        "for _, item in ipairs(dataset:Items('ReferencedStudySequence')) do item:Remove('0008,1150') end",
    ),
    Member(
        "Count",
        "Number of items that the path leads to.",
        (_PATH,),
        "number",
        _BAD_PATH,
        "if dataset:Count('ReferencedStudySequence') > 1 then print('several studies') end",
    ),
)

_WRITING = (
    Member(
        "Set",
        "Set a tag to a new value; creates the tag, and the sequences and items before it, if missing.",
        (_PATH, Parameter("value", "value")),
        errors=_BAD_PATH + "; a value that the tag's VR cannot hold",
        example="dataset:Set('0010,0020', 'NEW_ID')",
        recorded=True,
    ),
    Member(
        "Remove",
        "Remove a tag or an item; nothing happens if it does not exist.",
        (_PATH,),
        errors=_BAD_PATH,
        example="dataset:Remove('PatientBirthDate')",
        recorded=True,
    ),
    Member(
        "Populate",
        "Set all tags of a table; lists of tables become sequences.",
        (Parameter("values", "table"),),
        errors=(
            "a key that is no tag; a value that the tag's VR cannot hold; a list in place of items with binary values"
        ),
        example="dataset:Populate({PatientName = 'ANONYMOUS', PatientID = '00000'})",
        recorded=True,
    ),
    Member(
        "PopulateAt",
        "Set all tags of a table in the item that the path leads to, which is created if missing.",
        (_PATH, Parameter("values", "table")),
        errors=_BAD_PATH + "; a value that a tag's VR cannot hold",
        example="dataset:PopulateAt('RequestAttributesSequence[1]', {AccessionNumber = 'A1'})",
        recorded=True,
    ),
    Member(
        "Append",
        "Add an item to the end of a sequence, which is created if missing.",
        (_PATH, Parameter("values", "table", optional=True)),
        "item",
        _BAD_PATH,
        "local item = dataset:Append('ReferencedStudySequence', {ReferencedSOPInstanceUID = uid()})",
        recorded=True,
    ),
)

DATASET = ApiObject(
    "dataset",
    "Read and write DICOM tags; every change is recorded in the audit log.",
    _READING + _WRITING,
)

ITEM = ApiObject(
    "item",
    "One item of a sequence; paths start inside it.",
    (
        *(replace(member, example=member.example.replace("dataset:", "item:")) for member in (*_READING, *_WRITING)),
        Member(
            "Delete",
            "Remove this item from its sequence.",
            errors="an item already removed",
            example="for _, item in ipairs(dataset:Items('ReferencedStudySequence')) do item:Delete() end",
            recorded=True,
        ),
    ),
    kind="value",
)
