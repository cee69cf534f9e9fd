"""YAML as plain text: no aliases, no key twice, and every scalar the text that it is."""

from __future__ import annotations

from typing import Any

from .checked import repeated


def plain_yaml(text: str) -> Any:
    """Dictionaries, lists and texts (`no` is "no", `1` is "1"). Raises ValueError.

    Aliases let a file of a few lines stand for any number of values; no list of names needs them.
    """
    import yaml

    class Loader(yaml.BaseLoader):  # type: ignore[misc]  # yaml has no types
        """Text only; what is ambiguous or unbounded is refused."""

        def compose_node(self, parent: Any, index: Any) -> Any:
            """Refuse aliases."""
            if self.check_event(yaml.AliasEvent):
                raise ValueError("it has aliases, which are not read")
            return super().compose_node(parent, index)

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            """Refuse a key that is there twice; the last one would win."""
            keys = [key.value for key, _ in node.value]
            if not all(isinstance(key, str) for key in keys):
                raise ValueError("it has a key that is not text")
            twice = repeated(keys)
            if twice:
                raise ValueError(f"it has the key {min(twice)!r} twice")
            return dict(super().construct_mapping(node, deep))

    try:
        return yaml.load(text, Loader)
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ValueError(f"invalid YAML: {line}{error.problem}") from error
    except yaml.YAMLError as error:
        raise ValueError(f"invalid YAML: {str(error).splitlines()[0]}") from error
