"""Who may import whom."""

import sys
import tomllib

from tree import PACKAGES, ROOT, imports, is_test, modules, name_of

# Third-party packages that a folder may import; folders not named may import any.
ALLOWED = {
    "core": {"numpy"},
    "reference": {"numpy", "scipy"},
    "algorithms": set(),
    "backends/jax": {"numpy", "jax", "optax"},
    "backends/torch": {"numpy", "torch", "optree", "array_api_compat"},
}
# Folders of this library that a folder may import relatively.
MAY_SEE = {
    "core": {"core"},
    "reference": {"core", "reference"},
    "algorithms": {"core", "algorithms"},
    "backends/jax": {"core", "backends.jax"},
    "backends/torch": {"core", "backends.torch"},
    "training": {"core", "algorithms", "backends", "reference", "training"},
}
BANNED = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}


def folder_of(name):
    return next((folder for folder in (*ALLOWED, "training") if name.startswith(folder + "/")), None)


def absolute(path, level, module):
    """A relative import as a dotted path from the package's root, `interface` being the root itself."""
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    if parts[0] == "interface":
        parts = parts[1:]
    base = parts[: len(parts) - level]
    return ".".join([*base, module] if module else base)


def test_folders_import_only_what_they_may():
    broken = []
    for path in modules():
        name = name_of(path)
        folder = folder_of(name)
        if folder is None or is_test(path):
            continue
        for line, level, module in imports(path):
            root = module.split(".")[0]
            if level == 0:
                allowed = ALLOWED.get(folder)
                if allowed is not None and root not in sys.stdlib_module_names and root not in allowed:
                    broken.append(f"{name}:{line}: {folder} imports {module}")
            else:
                target = absolute(path, level, module)
                if not any(target == seen or target.startswith(seen + ".") for seen in MAY_SEE[folder]):
                    broken.append(f"{name}:{line}: {folder} imports veloq.{target}")
    assert not broken, "\n".join(broken)


def test_library_modules_import_relatively_and_tests_absolutely():
    broken = []
    for path in modules():
        name = name_of(path)
        for line, level, module in imports(path):
            root = module.split(".")[0]
            if level == 0 and root in PACKAGES:
                broken.append(f"{name}:{line}: bare import of {module}; relative inside, veloq.{root} outside")
            if level and is_test(path):
                broken.append(f"{name}:{line}: a test imports relatively")
            if level == 0 and root == "veloq" and name.split("/")[0] in PACKAGES and not is_test(path):
                broken.append(f"{name}:{line}: a library module imports {module} absolutely")
            if root in BANNED:
                broken.append(f"{name}:{line}: {module} can execute code on load")
            if level == 0 and module.startswith("torch.utils._pytree"):
                broken.append(f"{name}:{line}: private pytree; use optree")
    assert not broken, "\n".join(broken)


def test_every_package_is_mapped():
    mapping = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-dir"]
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = {
        name_of(path.parent)
        for path in modules()
        if path.name == "__init__.py" and name_of(path).split("/")[0] in PACKAGES
    }
    assert set(mapping.values()) == found
    assert set(mapping) == set(listed)


def test_no_folder_hides_the_installed_package():
    assert not (ROOT / "veloq").exists()
