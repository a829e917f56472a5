"""A flash chip in memory whose power can be cut at any operation; runs on MicroPython.

It is NOR flash: programming only clears bits, erasing sets those of a block. The operation at which
power goes is half done, and nothing works from then on until the chip is put into a new `Flash`.
"""

import os

import vfs

BLOCK = 4096
ERASED = b"\xff" * BLOCK


class Flash:
    def __init__(self, data, cut_at=0):
        self.data = data
        self.cut_at = cut_at
        self.operations = 0
        self.erases = 0
        self.programmed = 0
        self.is_dead = False
        self.per_block = [0] * (len(data) // BLOCK)

    def readblocks(self, block, buffer, offset=0):
        if self.is_dead:
            return -5
        start = block * BLOCK + offset
        buffer[:] = memoryview(self.data)[start : start + len(buffer)]
        return 0

    def writeblocks(self, block, buffer, offset=0):
        size = self._until_cut(len(buffer))
        start = block * BLOCK + offset
        data = self.data
        target = memoryview(data)[start : start + size]
        if target == ERASED[:size]:
            target[:] = memoryview(buffer)[:size]
        elif size:
            raise AssertionError("programmed bytes that were not erased")
        self.programmed += size
        return -5 if self.is_dead else 0

    def ioctl(self, what, block):
        if what == 4:
            return len(self.data) // BLOCK
        if what == 5:
            return BLOCK
        if what == 6:
            size = self._until_cut(BLOCK)
            start = block * BLOCK
            memoryview(self.data)[start : start + size] = ERASED[:size]
            self.erases += 1
            self.per_block[block] += 1
            return -5 if self.is_dead else 0
        return 0

    def _until_cut(self, size):
        if self.is_dead:
            return 0
        self.operations += 1
        if self.operations == self.cut_at:
            self.is_dead = True
            return size // 2
        return size


def new_chip(blocks):
    """Return the bytes of a chip with an empty file system."""
    data = bytearray(blocks * BLOCK)
    for i in range(blocks):
        memoryview(data)[i * BLOCK : (i + 1) * BLOCK] = ERASED
    vfs.VfsLfs2.mkfs(Flash(data))
    return data


class Powered:
    """A chip that is mounted at /flash while the block runs."""

    def __init__(self, data, cut_at=0):
        self.flash = data if isinstance(data, Flash) else Flash(data, cut_at)

    def __enter__(self):
        vfs.mount(vfs.VfsLfs2(self.flash), "/flash")
        return self.flash

    def __exit__(self, kind, error, trace):
        os.chdir("/")
        vfs.umount("/flash")
