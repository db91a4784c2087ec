"""Rolls back, in memory, a write that was cut short, from the journal beside the database.

SQLite undoes such a write by changing both files. A reader of evidence must not, and a copy on the
disk would be a copy of any text that was kept. So the pages that the rollback journal saved are put
back into the bytes that were read. Format: https://www.sqlite.org/fileformat2.html, section 3.

    header   magic 8 | records 4 | nonce 4 | pages before 4 | sector size 4 | page size 4 | to the
             end of the sector; numbers big-endian
    record   page number 4 | the page as it was | checksum 4
"""

import struct

MAGIC = bytes.fromhex("d9d505f920a163d7")
HEADER = struct.Struct(">8s5I")
TO_THE_END = 0xFFFFFFFF  # the number of records in a journal that was written without syncing
CHECKED_EVERY = 200  # bytes of a page that count for its checksum, from its end
LOCKED_BYTE = 1 << 30  # SQLite never keeps the page of this byte


def rolled_back(database: bytes, journal: bytes) -> bytes:
    """The database as it was before the write; unchanged if the journal has nothing to undo."""
    if len(journal) < HEADER.size or not journal.startswith(MAGIC):
        return database
    *_, before, sector, page = HEADER.unpack_from(journal)
    if not (512 <= page <= 65536 and 32 <= sector <= 1 << 16):
        return database
    data = bytearray(database[: before * page].ljust(before * page, b"\0"))
    at, done = 0, set[int]()
    while at + sector <= len(journal) and journal.startswith(MAGIC, at):
        _, count, nonce, *_ = HEADER.unpack_from(journal, at)
        at += sector
        if count == TO_THE_END:
            count = (len(journal) - at) // (page + 8)
        for _ in range(count):
            number = _saved(journal, at, nonce, page)
            if number is None:
                return bytes(data)
            if number <= before and number not in done:
                data[(number - 1) * page : number * page] = journal[at + 4 : at + 4 + page]
                done.add(number)
            at += page + 8
        at = -(-at // sector) * sector
    return bytes(data)


def _saved(journal: bytes, at: int, nonce: int, page: int) -> int | None:
    """The number of the page that is saved here; None if the journal ends or was cut short."""
    if at + page + 8 > len(journal):
        return None
    (number,) = struct.unpack_from(">I", journal, at)
    (said,) = struct.unpack_from(">I", journal, at + 4 + page)
    counted = journal[at + 4 + page - CHECKED_EVERY : at + 4 : -CHECKED_EVERY]
    if not number or number == LOCKED_BYTE // page + 1:
        return None
    return number if (nonce + sum(counted)) & 0xFFFFFFFF == said else None
