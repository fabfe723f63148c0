"""What a YAML parser cannot read, in plain words."""

import re

import yaml

_SENTENCES = {
    r"mapping values are not allowed": "no ':' can stand here: is the line above indented right, "
    "or should this text stand in quotes?",
    r"character '\\t'": "a tab stands here; indent and separate with spaces",
    r"character '(?P<it>.)' that cannot start": "a text beginning with '{it}' must be quoted",
    r"expected <block end>|<document start>|indent": "this does not fit the lines above: is it "
    "indented right?",
    r"but found '<stream end>'": "the text ends where a value should stand",
    r"expected the node content": "a value should stand here",
    r"escape": "no such escape after a backslash; a text with backslashes stands in single quotes",
    r"tag|handle": "tags that begin with '!' are not accepted",
    r"anchor|alias": "the name of an anchor holds letters, digits, '-' and '_'",
    r"sequence entries are not allowed": "an item's '-' cannot stand here; begin it on a new line",
    r"mapping keys are not allowed": "a text beginning with '?' must be quoted",
    r"directive|YAML document": "a line that begins with '%' has no use in a spec",
    r"block scalar|chomping": "after '|' or '>' the text begins on the next line",
}
"""By what the parser says, what to say of the place where it stopped; the first that fits."""

_OPEN = {
    r"flow sequence": "this list is not closed with ']', or a ',' is missing in it",
    r"flow mapping": "this mapping is not closed with '}', or a ',' is missing in it",
    r"quoted scalar": "the quotes that open here are not closed",
    r"simple key": "a ':' is missing after this",
}
"""By what the parser was reading, what to say of the place where that began."""


def syntax_problem(error: yaml.MarkedYAMLError) -> tuple[yaml.Mark | None, str]:
    """Where the parser stopped, and why, in words of our own."""
    problem, context = error.problem or "", error.context or ""
    if re.search("expected ',' or|end of stream|expected ':'", problem):
        for pattern, sentence in _OPEN.items():
            if re.search(pattern, context):
                return error.context_mark, sentence
    for text in (problem, context):
        for pattern, sentence in _SENTENCES.items():
            found = re.search(pattern, text)
            if found:
                return error.problem_mark, sentence.format(**found.groupdict())
    return error.problem_mark, "this cannot be read as YAML"
