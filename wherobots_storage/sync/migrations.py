"""The tables of the journal, as they came to be."""

MIGRATIONS = (
    """
CREATE TABLE entries (
    path TEXT PRIMARY KEY, kind TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    ctime_ns INTEGER NOT NULL, inode INTEGER NOT NULL, mode INTEGER NOT NULL,
    sha256 TEXT NOT NULL, etag TEXT NOT NULL, time REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
""",
    """
CREATE TABLE conflicts (
    copy TEXT PRIMARY KEY, path TEXT NOT NULL, etag TEXT NOT NULL, size INTEGER NOT NULL,
    time REAL NOT NULL, here INTEGER NOT NULL
) WITHOUT ROWID;
""",
    """
CREATE INDEX files_by_time ON entries (time) WHERE kind = 'file';
""",
    """
CREATE TABLE uploads (
    path TEXT PRIMARY KEY, upload_id TEXT NOT NULL, part_bytes INTEGER NOT NULL,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, mode INTEGER NOT NULL,
    sha256 TEXT NOT NULL, started REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE parts (
    path TEXT NOT NULL, number INTEGER NOT NULL, etag TEXT NOT NULL, prefix TEXT NOT NULL,
    PRIMARY KEY (path, number)
) WITHOUT ROWID;
""",
    # NULL for a version of the bucket's that was kept; the bytes' hash for one of this home's own.
    """
ALTER TABLE conflicts ADD COLUMN sha256 TEXT;
""",
    """
CREATE TABLE held (path TEXT PRIMARY KEY, etag TEXT NOT NULL) WITHOUT ROWID;
""",
    """
CREATE TABLE broken (path TEXT PRIMARY KEY, size INTEGER NOT NULL, trash TEXT) WITHOUT ROWID;
""",
)
"""What brings a journal from each version to the next; never changed once published."""
