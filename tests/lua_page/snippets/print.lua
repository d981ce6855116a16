print('Processing', dataset:Get('PatientName'))
print('Modality:', dataset:Get('Modality'))
