-- Load a shared library from the configuration directory
include('libs/anonymize.lua')
anonymize(dataset)
