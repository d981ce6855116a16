-- Check how many items are waiting globally
local pending = queue:count('New')
print('Pending items:', pending)

-- Check if a specific destination has failures
if queue:countByDestination('AI_SERVER', 'Failed') > 10 then
    -- Too many failures, skip routing to AI_SERVER
    print('AI_SERVER has too many failures, skipping')
else
    route:Add('AI_SERVER')
end
