local name = dataset:Get('PatientName')
local modality = dataset:Get('0008,0060')

dataset:Set('PatientName', 'ANONYMOUS')
dataset:Set('0010,0020', 'NEW_ID')

dataset:Remove('PatientBirthDate')
