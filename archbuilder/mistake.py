"""What a user did wrong, told in one sentence each."""


class UserMistake(Exception):
    """A mistake of the user's: the message says what and where; the command line exits with 2."""
