"""Records what Python's difflib answers to random words: python record.py > difflib.json"""

import difflib
import json
import random

rng = random.Random("closest")
ALPHABETS = ["ab", "abc_", "abcdefghij_.", "daten_é数据", "x"]


def word(low, high):
    letters = rng.choice(ALPHABETS)
    return "".join(rng.choice(letters) for _ in range(rng.randint(low, high)))


def near(text):
    letters = list(text)
    for _ in range(rng.randint(0, 3)):
        at = rng.randint(0, len(letters))
        letters[at:at + rng.randint(0, 2)] = word(0, 2)
    return "".join(letters)


def case():
    size = rng.random()
    query = word(0, 12) if size < 0.9 else word(195, 260)
    targets = [near(query) if rng.random() < 0.6 else word(0, 14) for _ in range(rng.randint(0, 9))]
    cutoff = rng.choice([0.6, 0.6, 0.6, 0.5, 0.8, 0.0])
    limit = rng.choice([3, 3, 1, 5])
    return {
        "word": query, "targets": targets, "cutoff": cutoff, "limit": limit,
        "matches": difflib.get_close_matches(query, targets, n=limit, cutoff=cutoff),
        "ratios": [difflib.SequenceMatcher(None, t, query).ratio() for t in targets],
    }


print("[\n" + ",\n".join(json.dumps(case(), ensure_ascii=False) for _ in range(1500)) + "\n]")
