"""Help pages and translations follow the nodes' source. Needs no ComfyUI: the nodes are parsed, not imported."""

from __future__ import annotations

import ast
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
NODES, PAGES, LOCALES = REPOSITORY / "nodes", REPOSITORY / "js" / "docs", REPOSITORY / "locales"
LANGUAGES = ("en", "zh")
MESSAGE_SYNTAX = set("{}@|")  # vue-i18n gives these a meaning in names and descriptions


def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def registered() -> list[str]:
    """Class names in the list that `get_node_list` returns; a node's id is its class's name."""
    functions = [f for f in ast.walk(parsed(NODES / "__init__.py")) if isinstance(f, ast.AsyncFunctionDef)]
    (listing,) = (f for f in functions if f.name == "get_node_list")
    return [name.id for name in listing.body[-1].value.elts]


def text(node: ast.expr | None, constants: dict[str, str]) -> str | None:
    """A string literal, or an f-string of the module's own constants."""
    if isinstance(node, ast.JoinedStr):
        return "".join(text(part, constants) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return constants[ast.unparse(node.value)]
    return node and ast.literal_eval(node)


def shared_lists() -> dict[str, ast.FunctionDef]:
    return {f.name: f for f in parsed(NODES / "clip_inputs.py").body if isinstance(f, ast.FunctionDef)}


def calls(tree: ast.AST, kind: str, prefix: str = "") -> Iterator[tuple[str, ast.Call]]:
    """io.X.Input("name", ...) or io.X.Output(...) with their locale keys. What a dynamic combo adds to the node is
    called "mode.factor", and the front end looks names up with an underscore for the dot. Lists that nodes share come
    from functions: *motion_inputs()."""
    if isinstance(tree, ast.Starred) and isinstance(tree.value, ast.Call):
        tree = shared_lists().get(ast.unparse(tree.value.func), tree)
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Attribute) and tree.func.attr == kind:
        name = prefix + tree.args[0].value if tree.args else ""
        yield name, tree
        prefix = name + "_"
    for child in ast.iter_child_nodes(tree):
        yield from calls(child, kind, prefix)


def schemas() -> dict[str, dict]:
    """node id -> its texts in the layout of nodeDefs.json, with a list of tooltips for each name."""
    found = {}
    for file in sorted(NODES.glob("*.py")):
        module = parsed(file)
        assigned = [s for s in module.body if isinstance(s, ast.Assign) and isinstance(s.value, ast.Constant)]
        constants = {ast.unparse(s.targets[0]): s.value.value for s in assigned}
        for call in ast.walk(module):
            if not (isinstance(call, ast.Call) and ast.unparse(call.func) == "io.Schema"):
                continue
            given = {k.arg: k.value for k in call.keywords}
            texts = {name: text(given[name], constants) for name in ("node_id", "display_name", "description")}
            texts["inputs"], texts["outputs"] = defaultdict(list), []
            for name, item in calls(given["inputs"], "Input"):
                tooltip = next((k.value for k in item.keywords if k.arg == "tooltip"), None)
                texts["inputs"][name].append(text(tooltip, constants))
            for _, item in calls(given["outputs"], "Output"):
                more = {k.arg: text(k.value, constants) for k in item.keywords}
                texts["outputs"].append((more["display_name"], more["tooltip"]))
            found[texts["node_id"]] = texts
    return found


SCHEMAS = schemas()


def locale(language: str) -> dict:
    return json.loads((LOCALES / language / "nodeDefs.json").read_text(encoding="utf-8"))


def leaves(tree: dict | str, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], str]:
    if not isinstance(tree, dict):
        return {path: tree}
    return {key: leaf for name, branch in tree.items() for key, leaf in leaves(branch, (*path, name)).items()}


def test_source_and_languages_hold_the_same_names():
    assert sorted(registered()) == sorted(SCHEMAS) == sorted(locale("en"))
    assert set(leaves(locale("en"))) == set(leaves(locale("zh")))
    assert set(SCHEMAS["RDVFITimeline"]["inputs"]) >= {"mode", "mode_factor", "mode_fps", "mode_positions"}


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_a_node_has_tooltips_and_help_pages_that_name_every_socket(name):
    schema = SCHEMAS[name]
    assert all(tooltip for tooltips in schema["inputs"].values() for tooltip in tooltips)
    sockets = [shown["name"] for shown in locale("en")[name]["inputs"].values()]
    sockets += [output for output, _ in schema["outputs"]]
    for language in LANGUAGES:
        page = (PAGES / name / f"{language}.md").read_text(encoding="utf-8")
        assert page.startswith(f"# {locale(language)[name]['display_name']}\n")
        assert not [socket for socket in sockets if f"`{socket}`" not in page], language


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_english_is_the_schemas_own_text_and_chinese_is_chinese(name):
    schema, english, chinese = SCHEMAS[name], locale("en")[name], locale("zh")[name]
    assert all(english[key] == schema[key] for key in ("display_name", "description"))
    assert set(english["inputs"]) == set(schema["inputs"])
    for key, tooltips in schema["inputs"].items():
        shown = english["inputs"][key]
        assert key == shown["name"] or key.endswith("_" + shown["name"])
        if len(tooltips) == 1:
            assert shown["tooltip"] == tooltips[0]
        assert all(tooltip in shown["tooltip"] for tooltip in tooltips)
    outputs = {str(i): {"name": name, "tooltip": tooltip} for i, (name, tooltip) in enumerate(schema["outputs"])}
    assert english.get("outputs", {}) == outputs
    assert not [k for k, leaf in leaves(chinese).items() if k[-1] != "name" and not any("\u4e00" <= c for c in leaf)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_front_end_can_read_names_and_descriptions(language):
    assert not [k for k, leaf in leaves(locale(language)).items() if k[-1] != "tooltip" and MESSAGE_SYNTAX & set(leaf)]
