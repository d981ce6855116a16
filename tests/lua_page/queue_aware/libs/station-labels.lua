-- libs/station-labels.lua — Map AE titles to human-readable names
STATION_LABELS = {
    CT_SCANNER_1  = 'CT Room 1 - Main Building',
    CT_SCANNER_2  = 'CT Room 2 - Emergency',
    MR_SCANNER    = 'MRI Suite A',
    US_SCANNER    = 'Ultrasound Bay 3',
}

function label_station(ds)
    local label = STATION_LABELS[file.sourceAeTitle]
    if label then
        ds:Set('StationName', label)
    end
end
