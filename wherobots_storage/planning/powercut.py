"""What is left of files that were written shortly before a machine lost its power.

Their bytes may not have reached the disk while their names did: they are empty then, or shorter, or
an older version is back. Nobody edited them, and what the bucket has is the better version.
"""

from __future__ import annotations

from wherobots_storage.planning.tree import File, Record


def was_not_edited(entry: File, record: Record, *, rebooted: bool) -> bool:
    """Whether a file that is not what its row says was left so by a power cut.

    Every edit dates a file's inode (ctime), so that one which is not younger than its row was not
    edited. Without a reboot only a file that lost bytes, and nothing else, is taken for that.
    """
    # A row without ctime was written right after the file had changed: no edit is older than that.
    saved_ns = record.ctime_ns or int(record.time * 10**9)
    if record.kind != "file" or entry.ctime_ns > saved_ns:
        return False
    same_file = (entry.inode, entry.mtime_ns) == (record.inode, record.mtime_ns)
    if same_file and entry.size < record.size:
        return True
    return rebooted and (record.ctime_ns != 0 or entry.mtime_ns <= record.mtime_ns)
