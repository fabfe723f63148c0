"""What a command line says of several processes is whole, or refused."""

import pytest

from archbuilder.errors import UserError
from archbuilder.training.recipe.distribution import ProcessGroup, process_group


def test_processes_that_meet_have_an_address_and_a_number():
    assert process_group(None, 1, 0) is None
    assert process_group("host:1234", 2, 1) == ProcessGroup("host:1234", 2, 1)


@pytest.mark.parametrize(
    ("coordinator", "count", "number", "sentence"),
    [
        (None, 2, 0, "--processes needs --coordinator, the HOST:PORT where they meet"),
        (None, 1, 3, "--process needs --coordinator, the HOST:PORT where they meet"),
        ("host:1", 2, 2, "--process 2: of 2 --processes the last is 1"),
        ("nonsense", 2, 0, "--coordinator nonsense: must be HOST:PORT, as in localhost:1234"),
        ("host:99999", 2, 0, "--coordinator host:99999: must be HOST:PORT, as in localhost:1234"),
        (":1234", 2, 0, "--coordinator :1234: must be HOST:PORT, as in localhost:1234"),
    ],
)
def test_what_does_not_fit_is_refused(coordinator, count, number, sentence):
    with pytest.raises(UserError) as caught:
        process_group(coordinator, count, number)
    assert str(caught.value) == sentence
