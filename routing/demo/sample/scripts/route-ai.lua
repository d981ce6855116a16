-- A copy for the AI server, unless it is far behind; AI findings need no name.
local waiting = queue:countByDestination('AI_SERVER', 'Prepared')

if waiting > 200 then
    log:warn('AI_SERVER is behind:', waiting, 'images wait; no copy is made')
else
    route:Add('AI_SERVER', function(ds)
        ds:Set('PatientName', 'AI^' .. (ds:Get('PatientID') or 'UNKNOWN'))
        ds:Set('InstitutionName', 'DEMO HOSPITAL')
    end)
end
