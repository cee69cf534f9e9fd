"""Read a page of the viewer: its markup as a browser would, its data as its script does."""

import json
from html.parser import HTMLParser
from pathlib import Path


class Page(HTMLParser):
    """The tags of a page, its document and cards, and every text that it shows."""

    def __init__(self, page):
        super().__init__()
        self.source = page if isinstance(page, str) and page.startswith("<") else read(page)
        self.tags, self.links, self.scripts, self.inside = [], [], [], None
        self.feed(self.source)
        data = {"document": [], "card": [], "end": [], "": []}
        for kind, text in self.scripts:
            data[kind].append(json.loads(text) if kind else text)
        self.document = {**data["document"][0], **(data["end"] or [{}])[0]}
        self.cards = data["card"]
        self.programs = data[""]
        self.text = "\n".join(texts([self.document, self.cards]))

    @property
    def addresses(self):
        """Where the pictures of the page are."""
        return [card["picture"]["src"] for card in self.cards if "picture" in card]

    @property
    def maps(self):
        """All maps of all cards."""
        return [each for card in self.cards for each in card["maps"]]

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "link":
            self.links.append(dict(attrs).get("href"))
        if tag == "script":
            self.inside = dict(attrs).get("data-agcam", "")

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        if self.inside is not None:
            self.scripts.append((self.inside, data))


def read(path):
    return Path(path).read_text(encoding="utf-8")


def texts(value):
    """Every text in a value of JSON, but for encoded numbers and pictures."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for one in value for text in texts(one)]
    if isinstance(value, dict):
        hidden = {"src", "values", "colormaps"}
        return [text for name, one in value.items() if name not in hidden for text in texts(one)]
    return []
