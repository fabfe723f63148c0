"""Process groups: options of the command line are complete and valid, or an error."""

import pytest

from archbuilder.errors import UserError
from archbuilder.training.recipe.distribution import ProcessGroup, process_group


def test_process_group_has_address_count_and_number():
    assert process_group(None, 1, 0) is None
    assert process_group("host:1234", 2, 1) == ProcessGroup("host:1234", 2, 1)


@pytest.mark.parametrize(
    ("coordinator", "count", "number", "message"),
    [
        (None, 2, 0, "--processes requires --coordinator HOST:PORT, the address of process 0"),
        (None, 1, 3, "--process requires --coordinator HOST:PORT, the address of process 0"),
        ("host:1", 2, 2, "--process 2: must be less than --processes (2), as it counts from 0"),
        ("nonsense", 2, 0, "--coordinator nonsense: must be HOST:PORT, as in localhost:1234"),
        ("host:99999", 2, 0, "--coordinator host:99999: must be HOST:PORT, as in localhost:1234"),
        (":1234", 2, 0, "--coordinator :1234: must be HOST:PORT, as in localhost:1234"),
    ],
)
def test_invalid_options_are_rejected(coordinator, count, number, message):
    with pytest.raises(UserError) as error:
        process_group(coordinator, count, number)
    assert str(error.value) == message
