if file.sourceAeTitle == 'CT_SCANNER_1' then
    dataset:Set('StationName', 'CT Room 1')
end

if file.destinationAeTitle == 'EXTERNAL_PACS' then
    dataset:Remove('PatientBirthDate')
end
