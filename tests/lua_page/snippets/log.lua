log:info('Processing started for', dataset:Get('PatientID'))
log:warn('Destination backlog detected:', backlog, 'items')
log:error('Required tag missing — failing file')
