-- Send a copy to another destination
route:Add('AI_SERVER')

-- Route with per-destination modifications
route:Add('RESEARCH', function(ds)
    ds:Set('PatientName', 'ANONYMOUS')
    ds:Set('PatientID', '00000')
    ds:Remove('PatientBirthDate')
end)

-- Drop the original (only routed copies are sent)
route:Drop()
