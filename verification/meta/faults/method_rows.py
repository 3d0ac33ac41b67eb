"""The form of a fault in a method's file: each is invisible to agreement between backends."""

from ..fault import Edit
from ..method_fault import MethodFault

LOSSES, ACTIONS, RECORD = "test_methods.test_losses", "test_methods.test_actions", "test_methods.test_record"
DEPENDENCE, CHOICES = "test_methods.test_dependence", "test_method_choices.test_losses"


def fault(what: str, kind: str, place: str, old: str, new: str, test: str = LOSSES, method: str = "") -> MethodFault:
    """A row of the table; `place` is "module.function", seen by the module's own method unless another is named."""
    module, _, inside = place.partition(".")
    edit = Edit(old, new, inside=inside, module=module)
    return MethodFault(what, kind, method or module.replace("_", "-"), "METHOD", test, edit)
