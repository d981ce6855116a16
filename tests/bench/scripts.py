"""What scripts do in the measurements: the same work that the peers of the shared benchmark do."""

SCRIPTS = {
    "forward": "",
    "edits": (
        "dataset:Set('StationName', 'My Medical Device')\n"
        "dataset:Remove('MilitaryRank')\n"
        "dataset:Set('InstitutionName', 'BENCH')"
    ),
    "fanout": (
        "route:Add('COPY1', function(ds) ds:Set('PatientName', 'ANONYMOUS') ds:Remove('PatientBirthDate') end)\n"
        "route:Add('COPY2', function(ds) ds:Set('PatientID', '0') ds:Set('SOPInstanceUID', uid()) end)"
    ),
}
"""By the kind of work; empty: no entry at all."""
