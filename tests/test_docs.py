"""The pages tell the truth: links lead somewhere, and quoted messages are those of the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from relay.chat import verbs
from relay.cli.parser import parser
from tests.code import ROOT, Module, ours

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
RUNBOOK = (ROOT / "docs/runbook.md").read_text("utf-8")
# Between these, a message is put together from several places of the code.
JOINTS = re.compile(
    r"…|\d+|(?<=[.:;])\s|\b(?:GET|POST|PUT|DELETE) |(?= was answered)|X-PagerDuty-Signature"
)
HOLE = re.compile(r"%(?:\.\d)?[sdf]")


def tokens(page: Path) -> Iterator[Token]:
    for token in MarkdownIt("commonmark").enable("table").parse(page.read_text("utf-8")):
        yield from (token, *(token.children or ()))


def anchors(page: Path) -> set[str]:
    """The addresses of a page's headings, as GitHub makes them."""
    found = list(tokens(page))
    heads = [two.content for one, two in pairwise(found) if one.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_and_picture_of_a_page_leads_somewhere(page: Path) -> None:
    for token in tokens(page):
        address = str(token.attrGet("href") or token.attrGet("src") or "")
        if not address or address.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = address.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name} links {address}"
        assert not anchor or anchor in anchors(target), f"{page.name} links {address}"


def test_the_readme_leads_to_every_page() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    lost = {page.relative_to(ROOT).as_posix() for page in PAGES if page.name != "README.md"}
    lost -= {page for page in lost if f"]({page})" in readme}
    assert lost == set()


def test_pictures_are_small() -> None:
    assert all(path.stat().st_size < 150_000 for path in (ROOT / "docs/images").iterdir())


@cache
def said() -> str:
    """Every text that stands in the code; the parts of a text with holes are apart."""
    parts = []
    for module in ours():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                parts += HOLE.split(node.value)
    return "\n".join(parts)


def quoted() -> list[str]:
    blocks = re.findall(r"^```text\n(.*?)^```$", RUNBOOK, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("message", quoted())
def test_every_message_of_the_runbook_is_one_of_the_code(message: str) -> None:
    parts = [part.strip(" .:;,()") for part in JOINTS.split(message)]
    for part in filter(None, parts):
        assert part in said(), part


def texts(node: ast.AST) -> Iterator[str]:
    """The texts below a node, in pieces between their holes."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield from (piece.strip(" .:") for piece in HOLE.split(inner.value))


def logged() -> Iterator[str]:
    """What the relay logs as a warning or worse."""
    for module in ours():
        if not (module.within("relay", "web", "app")):
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and re.fullmatch(
                r"log\.(warning|error|exception|critical)", ast.unparse(node.func)
            ):
                yield from texts(node.args[0])


def warned() -> Iterator[str]:
    """What /readyz tells, and what the settings warn of."""
    for path, names in {
        "relay/health.py": ("problems", "_found", "swept"),
        "relay/config/model.py": ("_doubts",),
    }.items():
        for node in Module(ROOT / path).tree.body:
            if isinstance(node, ast.FunctionDef) and node.name in names:
                for one in node.body[ast.get_docstring(node) is not None :]:
                    yield from texts(one)


def test_every_warning_and_error_that_an_operator_meets_stands_in_the_runbook() -> None:
    """A sentence of more than two words; codes and settings' names are not meant."""
    told = {piece for piece in (*logged(), *warned()) if piece.count(" ") >= 2}
    assert len(told) > 20
    assert {piece for piece in told if piece not in RUNBOOK} == set()


def test_operations_names_every_command() -> None:
    page = (ROOT / "docs/operations.md").read_text("utf-8")
    usage = parser().format_help()
    commands = re.findall(r"^    ([a-z]+)\b", usage.partition("first steps")[0], re.MULTILINE)
    assert len(commands) == 12
    table = page.partition("## Commands")[2]
    assert re.findall(r"^\| `([a-z]+)", table, re.MULTILINE) == commands


def test_the_chat_page_names_every_verb_and_who_may() -> None:
    page = (ROOT / "docs/chat.md").read_text("utf-8")
    for verb in verbs.TABLE:
        cells = [line for line in page.splitlines() if re.match(rf"\|.*`{verb.name}\b.*\|", line)]
        assert any(line.endswith(f"| {verb.tier or 'everyone'} |") for line in cells), verb.name


def test_operations_names_only_metrics_that_there_are() -> None:
    page = (ROOT / "docs/operations.md").read_text("utf-8")
    code = (ROOT / "relay/metrics.py").read_text("utf-8")
    for name in re.findall(r"\brelay_(\w+)", page.partition("## Watch it")[2]):
        assert f'"{name}"' in code or f'"relay_{name.removesuffix("_total")}"' in code, name
