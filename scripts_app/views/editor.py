"""What the editor asks while somebody types: mistakes, hints, and names to complete."""

from __future__ import annotations

from dataclasses import asdict

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_GET, require_POST
from pydicom.datadict import keyword_dict

from scripts_app.core.library_tree import included
from scripts_app.core.lua.api import OBJECTS
from scripts_app.core.lua.calls_queue import STATES
from scripts_app.core.lua.definitions import definitions
from scripts_app.core.lua.hints import hints
from scripts_app.core.lua.source import check_script
from scripts_app.draft import working
from scripts_app.models import unix_lines
from scripts_app.outside import outside
from scripts_app.views.request import editors_only

_LONGEST = 1_000_000
"""Characters that are looked at while somebody types."""


@require_POST
@editors_only
def script_lint(request: HttpRequest) -> JsonResponse:
    """Mistakes stop the script from compiling; hints are looked for only when there are none."""
    source = unix_lines(request.POST.get("script", ""))[:_LONGEST]
    found = [("error", problem) for problem in check_script(source, "script")]
    if not found:
        libraries = working().content["libraries"].values()
        found = [("warning", problem) for problem in hints(source, outside.destinations(), libraries)]
    return JsonResponse(
        {"problems": [{"severity": kind, "line": said.line, "message": said.message} for kind, said in found]}
    )


@require_GET
@editors_only
def script_names(request: HttpRequest) -> JsonResponse:
    """All that can be completed: the API with signatures, DICOM keywords, AE titles, library files and their names."""
    libraries = working().content["libraries"]
    return JsonResponse(
        {
            "objects": [
                {
                    "name": found.name,
                    "kind": found.kind,
                    "help": found.help,
                    "members": [
                        {
                            "name": member.name,
                            "signature": found.signature(member),
                            "help": member.help,
                            "field": member.field,
                            "example": member.example,
                        }
                        for member in found.members
                    ],
                }
                for found in OBJECTS
            ],
            "keywords": sorted(filter(None, keyword_dict)),
            "destinations": list(outside.destinations()),
            "states": STATES,
            "libraries": {
                path: {"includes": included(source), "defines": list(map(asdict, definitions(source)))}
                for path, source in sorted(libraries.items())
            },
        }
    )
