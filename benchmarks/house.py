"""The house in figures: size of files and functions, Any, string keys, circles, complexity.

    python benchmarks/house.py [FOLDER ...]

Lines are physical lines. `Any` counts each use of the name in code but for imports; a string-key
subscript is ``something["key"]`` with a literal key. Circles are groups of modules that import each
other at module level or inside functions (imports for type checkers alone are left out: they never
run). Complexity is that of ruff's C901.
"""

from __future__ import annotations

import ast
import json
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMPLEX = 15


def main(folders: list[str]) -> None:
    """Print the figures of ``folders`` (the three packages unless named), together and apart."""
    named = folders or ["harness", "restorers", "tasks"]
    groups = {"all": named, **({} if len(named) == 1 else {name: [name] for name in named})}
    rows = {title: _figures(group) for title, group in groups.items()}
    keys = list(next(iter(rows.values())))
    width = max(map(len, keys))
    print(" " * width, *(f"{title:>12}" for title in rows))
    for key in keys:
        print(f"{key:<{width}}", *(f"{row[key]:>12}" for row in rows.values()))
    modules = _modules(named)
    for circle in _circles(modules):
        print("circle:", " ↔ ".join(circle))
    for name, paths in sorted(_class_names(modules).items()):
        if len(paths) > 1:
            print(f"class {name}:", ", ".join(paths))


def _figures(folders: list[str]) -> dict[str, str]:
    modules = _modules(folders)
    lines = {path: text.count("\n") for path, (text, _) in modules.items()}
    functions = [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for _, tree in modules.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    thousand = sum(lines.values()) / 1000
    nodes = [node for _, tree in modules.values() for node in ast.walk(tree)]
    uses = sum(isinstance(node, ast.Name) and node.id == "Any" for node in nodes)
    keys = sum(
        isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Constant)
        and isinstance(node.slice.value, str)
        for node in nodes
    )
    names = _class_names(modules)
    return {
        "files": str(len(modules)),
        "loose files": str(sum(len(path.relative_to(ROOT).parts) == 2 for path in modules)),
        "lines": str(sum(lines.values())),
        "file length, median": f"{statistics.median(lines.values()):.0f}",
        "file length, 90th percentile": f"{_percentile(list(lines.values()), 0.9)}",
        "files under 60 lines": str(sum(count < 60 for count in lines.values())),
        "files over 250 lines": str(sum(count > 250 for count in lines.values())),
        "functions": str(len(functions)),
        "function length, median": f"{statistics.median(functions):.0f}",
        "function length, 90th percentile": f"{_percentile(functions, 0.9)}",
        "Any per 1000 lines": f"{uses / thousand:.1f}",
        "string keys per 1000 lines": f"{keys / thousand:.1f}",
        "circles of modules": str(len(_circles(modules))),
        f"complexity above {COMPLEX}": str(_complex(folders)),
        "names ending in _of": str(sum(_of_names(tree) for _, tree in modules.values())),
        "class names used twice": str(sum(len(paths) > 1 for paths in names.values())),
    }


def _modules(folders: list[str]) -> dict[Path, tuple[str, ast.Module]]:
    found = {}
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            found[path] = (text, ast.parse(text))
    return found


def _percentile(values: list[int], share: float) -> int:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _of_names(tree: ast.Module) -> int:
    return sum(
        isinstance(node, ast.FunctionDef) and node.name.endswith("_of") for node in ast.walk(tree)
    )


def _class_names(modules: dict[Path, tuple[str, ast.Module]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path, (_, tree) in modules.items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    return found


def _complex(folders: list[str]) -> int:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "ruff", "check", "--isolated", "--select", "C901"),
            *("--config", f"lint.mccabe.max-complexity={COMPLEX}", "--output-format", "json"),
            *folders,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return len(json.loads(done.stdout))


def _circles(modules: dict[Path, tuple[str, ast.Module]]) -> list[list[str]]:
    """The groups of modules that reach each other (strongly connected components)."""
    names = {_dotted(path): path for path in modules}
    graph = {
        name: set(_imports(name, path, modules[path][1], names)) - {name}
        for name, path in names.items()
    }
    return [sorted(group) for group in _components(graph) if len(group) > 1]


def _dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(name: str, path: Path, tree: ast.Module, known: dict[str, Path]) -> Iterator[str]:
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in _running(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                kept = parts[: len(parts) - node.level + 1]
                base = ".".join([*kept, *([base] if base else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                if inner in known:
                    yield inner
                elif base in known:
                    yield base


def _running(tree: ast.Module) -> Iterator[ast.AST]:
    """All nodes but those under ``if TYPE_CHECKING``."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting.extend(node.orelse)
        else:
            waiting.extend(ast.iter_child_nodes(node))


def _components(graph: dict[str, set[str]]) -> list[list[str]]:
    reach = {name: _reachable(graph, name) for name in graph}
    done: Counter[str] = Counter()
    found = []
    for name in graph:
        if not done[name]:
            group = [name, *(other for other in reach[name] if name in reach[other])]
            done.update(set(group))
            found.append(list(dict.fromkeys(group)))
    return found


def _reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for target in graph[waiting.pop()]:
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    return seen


if __name__ == "__main__":
    main(sys.argv[1:])
