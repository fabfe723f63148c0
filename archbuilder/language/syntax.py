"""Messages for text that is not valid YAML."""

import re

import yaml

NO_DIRECTIVES = "YAML directives are not supported; remove the line that starts with '%'"
NO_TAGS = "YAML tags are not supported; remove the tag that starts with '!'"

_MESSAGES = {
    r"mapping values are not allowed": "unexpected ':'; check the indentation of the line above, "
    "or quote this text",
    r"character '\\t'": "unexpected tab; indent and separate with spaces",
    r"character '(?P<it>.)' that cannot start": "text that starts with '{it}' must be quoted",
    r"expected <block end>|<document start>|indent": "does not match the lines above; check the "
    "indentation",
    r"but found '<stream end>'": "expected a value, but the text ends",
    r"expected the node content": "expected a value",
    r"escape": "unknown escape sequence; put text with backslashes in single quotes",
    r"tag|handle": NO_TAGS,
    r"anchor|alias": "the name of an anchor must consist of letters, digits, '-' and '_'",
    r"sequence entries are not allowed": "unexpected '-' of a list item; start the list on a new "
    "line",
    r"mapping keys are not allowed": "text that starts with '?' must be quoted",
    r"directive|YAML document": NO_DIRECTIVES,
    r"block scalar|chomping": "text after '|' or '>' must start on the next line",
}
"""Messages for the position where the parser stopped, by pattern of the parser's own message.

The first pattern that matches counts.
"""

_UNCLOSED = {
    r"flow sequence": "this list is not closed with ']', or a ',' is missing in it",
    r"flow mapping": "this mapping is not closed with '}', or a ',' is missing in it",
    r"quoted scalar": "this quote is not closed",
    r"simple key": "a ':' is missing after this",
}
"""Messages for the position where an unfinished item starts, by pattern of the parser's context."""


def syntax_problem(error: yaml.MarkedYAMLError) -> tuple[yaml.Mark | None, str]:
    """Return the position of a syntax error and a message that describes it."""
    problem, context = error.problem or "", error.context or ""
    if re.search("expected ',' or|end of stream|expected ':'", problem):
        for pattern, message in _UNCLOSED.items():
            if re.search(pattern, context):
                return error.context_mark, message
    for text in (problem, context):
        for pattern, message in _MESSAGES.items():
            match = re.search(pattern, text)
            if match:
                return error.problem_mark, message.format(**match.groupdict())
    return error.problem_mark, "invalid YAML"
