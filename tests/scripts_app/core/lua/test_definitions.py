"""What a library file offers to the texts that include it."""

from scripts_app.core.lua.definitions import definitions

LIBRARY = """-- Removes what tells who it is.
-- Keeps the accession number.
function strip_phi(ds, keep)
  local inner = 1
  helper = 2
end

LIMIT = 7
local hidden = 1
shift = function ( days ) return days end
-- not above anything

Names = {}
function Names.short(ds) end
return strip_phi
if LIMIT == 7 then end
"""


def told(source):
    return [(found.name, found.signature, found.help) for found in definitions(source)]


def test_functions_values_and_tables_are_told_with_parameters_and_comment():
    assert told(LIBRARY) == [
        ("strip_phi", "strip_phi(ds, keep)", "Removes what tells who it is. Keeps the accession number."),
        ("LIMIT", "LIMIT", ""),
        ("shift", "shift(days)", ""),
        ("Names", "Names", ""),
        ("Names.short", "Names.short(ds)", ""),
    ]


def test_a_name_is_told_once_and_what_is_compared_or_local_never():
    assert told("x = 1\nx = 2\ny == 3\nlocal function z() end\nreturn = 1") == [("x", "x", "")]
