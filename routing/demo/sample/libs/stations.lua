-- The names that people use for the scanners.
STATION_LABELS = {
    DEMO_CT = 'CT Room 1',
    DEMO_MR = 'MRI Suite A',
    DEMO_MG = 'Mammography',
    DEMO_US = 'Ultrasound Bay 3',
}

function label_station(ds)
    local label = STATION_LABELS[file.sourceAeTitle]
    if label then
        ds:Set('StationName', label)
    end
end
