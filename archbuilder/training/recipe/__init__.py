"""The training recipe as data: optimizer, schedule, precision, distribution."""
