"""How a prediction is printed: the text, each mask's guesses under it; a vector; or JSON."""

import json


def show(found: dict, guesses: int, as_json: bool) -> str:
    """One JSON object; or the text and, if guesses are asked for, a line of them for each mask; or
    a vector's numbers, parted by spaces."""
    if as_json:
        return json.dumps(found, ensure_ascii=False)
    if "vector" in found:
        return " ".join(f"{number:.6g}" for number in found["vector"])
    lines = [found["text"]]
    for best in found.get("guesses", ()) if guesses else ():
        lines.append("    " + "  ".join(f"{g['token']} {g['share']:.2f}" for g in best))
    return "\n".join(lines)
