-- Wait for all images before routing
local newCount = study.queue:countByState('New')
local preparedCount = study.queue:countByState('Prepared')
if newCount > 1 then
    -- More images still arriving, don't route yet
    error('retry: waiting for study to complete (' .. newCount .. ' images pending)')
end

-- Check which destinations this study has been routed to
local dests = study.queue:destinations()
print('Study destinations:', dests.Length)
