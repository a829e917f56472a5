"""Which release starts: slots of files, and the trial of a new one.

With main.py this is what an update never touches. The release that came with the board lies in
`lib`; updates go to `a` and `b` in turn. A new one gets a few trial boots, and is kept when it has
confirmed itself; else the one before starts again. The state is one line, renamed over the old one:
`active trial tries version trial_version crc`.
"""

import binascii
import os

FACTORY = "lib"
UPDATED = ("a", "b")
NONE = "-"
TRIES = 2
STATE = "slots.txt"
FRESH = (FACTORY, NONE, 0, 0, 0)


def read(root):
    """Return (active slot, slot on trial or "-", tries left, its version, version on trial)."""
    try:
        with open(root + "/" + STATE, "rb") as file:
            data = file.read(100)
        active, trial, tries, version, trial_version, crc = data.decode().split(" ")
        state = (active, trial, int(tries), int(version), int(trial_version))
    except (OSError, ValueError):  # UnicodeError is a ValueError
        return FRESH
    known = (FACTORY,) + UPDATED
    if _line(state) != data or active not in known or trial not in known + (NONE,):
        return FRESH
    return state


def write(root, state):
    """Keep a state: at once or not at all."""
    path = root + "/" + STATE
    with open(path + ".tmp", "wb") as file:
        file.write(_line(state))
    os.rename(path + ".tmp", path)


def choose(root):
    """Return the slot to start now; a trial boot is counted before it is given."""
    active, trial, tries, version, trial_version = read(root)
    if trial == NONE:
        return active
    try:
        if tries > 0:
            write(root, (active, trial, tries - 1, version, trial_version))
            return trial
        write(root, (active, NONE, 0, version, 0))
    except OSError:  # what cannot be counted is not tried
        pass
    return active


def give_up(root):
    """End a trial: the slot before starts from now on."""
    active, trial, _, version, _ = read(root)
    if trial != NONE:
        write(root, (active, NONE, 0, version, 0))


def confirm(root):
    """Keep the release on trial; return whether there was one."""
    _, trial, _, _, trial_version = read(root)
    if trial == NONE:
        return False
    write(root, (trial, NONE, 0, trial_version, 0))
    return True


def others(root, slot):
    """Return the slots to fall back on when `slot` cannot be loaded, the best first."""
    active = read(root)[0]
    return [one for one in (active, FACTORY) + UPDATED if one != slot]


def _line(state):
    text = "%s %s %d %d %d " % state
    return (text + "%08x" % (binascii.crc32(text.encode()) & 0xFFFFFFFF)).encode()
