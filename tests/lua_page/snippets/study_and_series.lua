-- Count images per study
study.image_count = (study.image_count or 0) + 1

-- Track per-series state
series.last_instance = dataset:Get('SOPInstanceUID')
