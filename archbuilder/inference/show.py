"""How a prediction is printed: the text, and under it each mask's guesses; or one JSON object."""

import json


def show(found: dict, guesses: int, as_json: bool) -> str:
    """One JSON object, or the text and, if guesses are asked for, a line of them for each mask."""
    if as_json:
        return json.dumps(found, ensure_ascii=False)
    lines = [found["text"]]
    for best in found.get("guesses", ()) if guesses else ():
        lines.append("    " + "  ".join(f"{g['token']} {g['share']:.2f}" for g in best))
    return "\n".join(lines)
