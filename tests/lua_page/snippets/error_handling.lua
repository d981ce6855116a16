-- Retry if a required tag is missing
if dataset:Get('PatientName') == nil then
    error('retry: waiting for patient name')
end

-- Force failure for critical issues
if dataset:Get('Modality') == nil then
    error('fail: missing modality')
end
