"""
The shared benchmark with one more peer: Orthanc sending each image to three destinations, by Lua.

    python -m tests.bench.with_fanout BENCH orthanc-fanout-rest ct -k 1 --sender dsend

BENCH is the folder of bench.py; what follows are its own arguments.
"""

import importlib
import sys
from pathlib import Path

LUA = """
local function send_copy(id, command)
  local file = RestApiPost('/instances/' .. id .. '/modify', DumpJson(command, true))
  local copy = ParseJson(RestApiPost('/instances/', file))['ID']
  RestApiPost('/modalities/sample/store', copy)
  RestApiDelete('/instances/' .. copy)
end

function OnStoredInstance(id, tags, metadata, origin)
  if origin['RequestOrigin'] ~= 'Lua' then
    RestApiPost('/modalities/sample/store', id)
    send_copy(id, {Replace = {PatientName = 'ANONYMOUS'}, Remove = {'PatientBirthDate'}})
    send_copy(id, {Replace = {PatientID = '0'}, Force = true})
    RestApiDelete('/instances/' .. id)
  end
end
"""
"""The fastest of its Lua ways (no jobs); each copy gets a UID of its own, as Orthanc does unless it is told not to."""


def main() -> None:
    folder = Path(sys.argv.pop(1)).resolve()
    sys.path.insert(0, str(folder))
    bench = importlib.import_module("bench")

    class OrthancFanout(bench.Orthanc):  # type: ignore[misc, name-defined]
        """One image in, three out."""

        lua, factor = "fanout-rest", 3

    bench.LUA["fanout-rest"] = LUA
    bench.PEERS["orthanc-fanout-rest"] = OrthancFanout
    bench.main()


if __name__ == "__main__":
    main()
