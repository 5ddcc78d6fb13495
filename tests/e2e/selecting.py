"""Selectors with the meaning that Kubernetes documents, to compare lists and watches with."""

import dataclasses
import re


def number(text):
    """What label selectors take for a number: 64 bits, decimal. Else None."""
    if text is None or not re.fullmatch(r"[+-]?[0-9]+", text):
        return None
    value = int(text)
    return value if -2**63 <= value < 2**63 else None


def is_beyond(held, bound, sign):
    held = number(held)
    return held is not None and sign * held > sign * number(bound)


# What has to hold of the label's value (None: the object has no such label), and how it is written.
LABEL_OPERATORS = {
    "=": (lambda held, values: held == values[0], "{key}={first}"),
    "==": (lambda held, values: held == values[0], "{key}=={first}"),
    "!=": (lambda held, values: held != values[0], "{key}!={first}"),
    "in": (lambda held, values: held in values, "{key} in ({all})"),
    "notin": (lambda held, values: held not in values, "{key} notin ({all})"),
    "exists": (lambda held, values: held is not None, "{key}"),
    "!exists": (lambda held, values: held is None, "!{key}"),
    ">": (lambda held, values: is_beyond(held, values[0], 1), "{key}>{first}"),
    "<": (lambda held, values: is_beyond(held, values[0], -1), "{key}<{first}"),
}


@dataclasses.dataclass(frozen=True)
class Label:
    key: str
    operator: str
    values: tuple = ()

    def __str__(self):
        text = LABEL_OPERATORS[self.operator][1]
        return text.format(key=self.key, first=(*self.values, "")[0], all=", ".join(self.values))

    def matches(self, item):
        held = item["metadata"].get("labels", {}).get(self.key)
        return LABEL_OPERATORS[self.operator][0](held, self.values)


@dataclasses.dataclass(frozen=True)
class Field:
    path: str
    value: str
    operator: str = "="
    absent: str = ""  # what an object without the field is taken to have
    place: str = ""  # of the value in the object; empty: the path itself

    def __str__(self):
        escaped = re.sub(r"([\\,=])", r"\\\1", self.value)
        return f"{self.path}{self.operator}{escaped}"

    def matches(self, item):
        held = field_text(item, self.place or self.path, self.absent)
        return (held == self.value) == (self.operator == "=")


@dataclasses.dataclass(frozen=True)
class Selector:
    """All of its requirements, Labels and Fields, have to hold."""

    requirements: tuple

    def __str__(self):
        return str(self.query())

    def query(self):
        texts = {"labelSelector": self._text(Label), "fieldSelector": self._text(Field)}
        return {name: text for name, text in texts.items() if text}

    def _text(self, kind):
        return ",".join(str(r) for r in self.requirements if isinstance(r, kind))

    def matches(self, item):
        return all(requirement.matches(item) for requirement in self.requirements)


def select(*requirements):
    return Selector(requirements)


def field_text(item, path, absent=""):
    """The field as field selectors see it."""
    for name in path.split("."):
        item = item.get(name) if isinstance(item, dict) else None
    if item is None or item == "":
        return absent
    return str(item).lower() if isinstance(item, bool) else str(item)


def identity(item):
    """Tells an object and its version from all others."""
    meta = item["metadata"]
    return meta.get("namespace", ""), meta["name"], meta["resourceVersion"]


def told(event):
    return event["type"], *identity(event["object"])


def expected_events(selector, before, events):
    """What a watch with the selector tells of `events`, which one without any told.

    `before` is the list at its start. The object of a DELETED event is that of before the change,
    but with the revision of the change.
    """
    known = {identity(item)[:2]: item for item in before}
    expected = []
    for event in events:
        item = event["object"]
        name = identity(item)[:2]
        was = name in known and selector.matches(known[name])
        known[name] = item
        if event["type"] == "DELETED":
            del known[name]
        now = name in known and selector.matches(item)
        if was or now:
            kind = "MODIFIED" if was and now else "ADDED" if now else "DELETED"
            expected.append((kind, *identity(item)))
    return expected
