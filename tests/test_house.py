"""The house rules, read off the tree."""

import ast
import re

from tree import ROOT, files, is_test, modules, name_of, parsed

DRAWERS = re.compile(r"(^|/)(utils?|misc|common|helpers?)(\.py|/|$)")
MACHINE = re.compile(r"(?:^|[\s\"'=(:])/(?:work|root|farm|home/\w+|tmp/\w+)/")
HOSTS = re.compile(r"\b(?:10|127|192\.168|172\.(?:1[6-9]|2\d|3[01]))(?:\.\d{1,3}){2,3}\b|\.(?:internal|corp|lan)\b")
# Spelled in pieces, so that this line is no finding of its own.
LEFT_UNDONE = re.compile("#.*" + r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK")) + r")\b")
TEXT = {".py", ".md", ".toml", ".yml", ".yaml", ".sh", ".json", ".txt", ".cfg", ".html"}
CHECKING = re.compile(r"assert|raises|warns|check|expect|verify|benchmark")


def lines_of_text():
    for path in files():
        if path.suffix in TEXT and path.stat().st_size < 2_000_000:
            for number, line in enumerate(path.read_text().splitlines(), 1):
                yield path, number, line


def calls():
    for path in modules():
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call):
                yield path, node, ast.unparse(node.func)


def assert_none(broken):
    assert not broken, "\n".join(broken)


def test_no_file_is_a_drawer_without_a_name():
    assert_none([name_of(path) for path in files() if DRAWERS.search(name_of(path))])


def test_no_pickles():
    broken = [name_of(path) for path in files() if path.suffix in {".pkl", ".pickle", ".pt", ".pth"}]
    for path, node, function in calls():
        loose = any(k.arg == "allow_pickle" and getattr(k.value, "value", None) is not False for k in node.keywords)
        if function in {"torch.load", "torch.save"} or loose:
            broken.append(f"{name_of(path)}:{node.lineno}: {function} can read or write a pickle")
    assert_none(broken)


def test_numpy_files_are_opened_without_pickle():
    assert_none(
        [
            f"{name_of(path)}:{node.lineno}: np.load without allow_pickle=False"
            for path, node, function in calls()
            if function in {"np.load", "numpy.load"} and not any(k.arg == "allow_pickle" for k in node.keywords)
        ]
    )


def test_no_machine_path_or_private_host():
    assert_none(
        [
            f"{name_of(path)}:{number}: {line.strip()}"
            for path, number, line in lines_of_text()
            if path.name != "test_house.py" and (MACHINE.search(line) or HOSTS.search(line))
        ]
    )


def test_nothing_is_left_undone():
    assert_none(
        [
            f"{name_of(path)}:{number}: {line.strip()}"
            for path, number, line in lines_of_text()
            if path.suffix == ".py" and LEFT_UNDONE.search(line)
        ]
    )


def test_exceptions_are_named():
    assert_none(
        [
            f"{name_of(path)}:{node.lineno}: bare except"
            for path in modules()
            for node in ast.walk(parsed(path))
            if isinstance(node, ast.ExceptHandler) and node.type is None
        ]
    )


def test_tests_compare_with_the_one_assert_close():
    assert_none(
        [
            f"{name_of(path)}:{node.lineno}: {function}"
            for path, node, function in calls()
            if is_test(path) and function.split(".")[-1] in {"allclose", "isclose", "assert_allclose"}
        ]
    )


def test_every_test_asserts_and_every_comparison_counts():
    broken = []
    for path in modules():
        if not is_test(path):
            continue
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Compare):
                broken.append(f"{name_of(path)}:{node.lineno}: a comparison that nobody asserts")
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
                body = "\n".join(ast.unparse(statement) for statement in node.body)
                if not CHECKING.search(body):
                    broken.append(f"{name_of(path)}:{node.lineno}: {node.name} asserts nothing")
                if any(isinstance(inner, ast.Return) for inner in ast.walk(node) if inner is not node):
                    inner_functions = [n for n in ast.walk(node) if isinstance(n, (ast.FunctionDef, ast.Lambda))]
                    nested = {id(r) for f in inner_functions[1:] for r in ast.walk(f) if isinstance(r, ast.Return)}
                    early = [r for r in ast.walk(node) if isinstance(r, ast.Return) and id(r) not in nested]
                    broken += [f"{name_of(path)}:{r.lineno}: {node.name} returns early" for r in early]
    assert_none(broken)


def test_rooms_are_small():
    broken = []
    for path in modules():
        length = len(path.read_text().splitlines())
        if length > (700 if is_test(path) else 450):
            broken.append(f"{name_of(path)}: {length} lines")
        broken += [
            f"{name_of(path)}:{node.lineno}: {node.name} has {node.end_lineno - node.lineno} lines"
            for node in ast.walk(parsed(path))
            if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno > 90
        ]
    assert_none(broken)


def test_the_licence_and_the_changelog_exist():
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")
    assert (ROOT / "CHANGELOG.md").exists()
