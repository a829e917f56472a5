"""Starts the release that slots.py chooses, and one before it when that cannot be loaded.

No update touches this file: it has to start every release there will be.
"""

import sys

import slots

PACKAGE = "sunreeve_device"


def load(root):
    """Return the app of the slot that is chosen, or of the first other one that can be loaded."""
    chosen = slots.choose(root)
    tried = []
    for slot in [chosen] + slots.others(root, chosen):
        if slot in tried:
            continue
        tried.append(slot)
        path = root + "/" + slot
        sys.path.insert(0, path)
        try:
            return __import__(PACKAGE + ".app", None, None, ("main",))
        except Exception as error:  # whatever a release does wrong, another one must start
            print("cannot load", path, repr(error))
            sys.path.remove(path)
            for name in [one for one in sys.modules if one.startswith(PACKAGE)]:
                del sys.modules[name]
        if slot == chosen:
            _give_up(root)
    return None


def start(root=""):
    """Run the app; return when it ended or none can be loaded, for the board to be reset."""
    app = load(root)
    if app is None:
        print("no release can be loaded: install one with mpremote")
        return
    try:
        app.main()
    except Exception as error:  # the next start counts the trial, or begins anew
        print("the app ended", repr(error))


def _give_up(root):
    try:
        slots.give_up(root)
    except OSError as error:  # the tries run out all the same
        print("cannot end the trial", repr(error))


def _reset():
    """Start anew; where there is no board the program ends."""
    try:
        from machine import reset
    except ImportError:
        return
    reset()


if __name__ == "__main__":
    start()
    _reset()
