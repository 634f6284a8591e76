"""Making indexes follow the store: what was learnt is added, what was forgotten is thrown away.

The store is the truth. An index notes the store's identity and the owner's version when it was
last brought up to date; what is of another store, or damaged, is thrown away and made anew.

**Forgetting.** The store notes a purge in the transaction that deletes. Here the purge and every
addition hold the owner's lock, from reading the store to deleting the last file. So an addition
either read the store before the deletion and is found by the purge, or reads it afterwards and does
not see what is gone. The note is taken away when nothing is left on the disk.
"""

from __future__ import annotations

import secrets
import shutil
import threading
from array import array
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from tecla.errors import StoreError
from tecla.personal.index import Index
from tecla.personal.lock import FolderLock
from tecla.personal.manifest import not_written, read_manifest, synced
from tecla.personal.segment import Row
from tecla.personal.vocabulary import Native, Vocabulary, fingerprint_of
from tecla.store.base import Store
from tecla.store.owners import Owner
from tecla.text.base import Tokenizer

BATCH_TOKENS: Final = 1 << 19  # added at once, while other writers of the owner wait
_PIECE_BYTES: Final = 1 << 20  # tokenised at once
_GONE: Final = ".gone-"
_TRIES: Final = 100  # of deleting


class Followed(NamedTuple):
    """What had changed: documents."""

    added: int
    removed: int


def folder_beside(store_file: Path) -> Path:
    """Where the indexes of a store lie."""
    return store_file.with_name(f"{store_file.name}.personal")


def bring_up_to_date(
    root: Path,
    store: Store,
    owner: Owner,
    tokenizer: Tokenizer,
    *,
    stop: threading.Event | None = None,
) -> Followed:
    """Make the owner's index for a tokenizer hold what the store holds, and merge what is due.

    May be interrupted at any time, by `stop` between two batches too: what was added stays, and the
    next call goes on from there. Blocks while another process writes for the same owner. Raises
    `StoreError` kinds.
    """
    lock = FolderLock(root / store.derived.name_of(owner))
    folder = lock.folder / fingerprint_of(tokenizer)
    vocabulary = Vocabulary(len(tokenizer.table))
    if not store.documents.ids(owner) and not lock.folder.exists():
        return Followed(0, 0)
    n_added = n_removed = 0
    while not (stop and stop.is_set()):
        with lock.alone(), _opened(folder, vocabulary, store, lock) as index:
            version = store.documents.version(owner)
            manifest = index.manifest
            if manifest and (manifest.store, manifest.version) == (store.derived.identity, version):
                break
            held, wanted = index.documents, set(store.documents.ids(owner))
            n_removed += index.remove(held - wanted)
            rows, is_last = _batch(store, owner, tokenizer, wanted - held)
            index.add(rows, store=store.derived.identity, version=version if is_last else None)
            n_added += len(rows)
            if is_last:
                break
    with lock.alone(), _opened(folder, vocabulary, store, lock) as index:
        index.tidy(stop)
    return Followed(n_added, n_removed)


def is_up_to_date(root: Path, store: Store, owner: Owner, tokenizer: Tokenizer) -> bool:
    """Whether `bring_up_to_date` would find nothing to do. Reads one small file."""
    folder = root / store.derived.name_of(owner) / fingerprint_of(tokenizer)
    try:
        manifest = read_manifest(folder)
    except StoreError:
        return False
    version = store.documents.version(owner)
    if manifest is None:
        return version == 0
    sealed = store.derived.cipher is not None
    found = (manifest.store, manifest.version, manifest.sealed)
    return found == (store.derived.identity, version, sealed)


def finish_purges(root: Path, store: Store) -> int:
    """Throw away what the store says is to be thrown away; how many notes it took away.

    To be called when a store is opened and after each forgetting. When it returns, nothing that was
    forgotten is in a file here. Raises `StoreError` kinds; then the notes stay.
    """
    _sweep(root)
    done = 0
    for purge in store.derived.to_purge():
        names = [purge.name] if purge.name else [path.name for path in _folders(root)]
        for name in names:
            if (root / name).exists():
                _purge(root / name, store, forget_all=purge.name is None)
        store.derived.purged(purge)
        done += 1
    return done


def _purge(folder: Path, store: Store, *, forget_all: bool) -> None:
    """Remove from all indexes of an owner what the store no longer holds."""
    lock = FolderLock(folder)
    with lock.alone():
        owners = {store.derived.name_of(owner): owner for owner in store.documents.owners()}
        owner = owners.get(folder.name)
        if owner is None or forget_all:
            _throw_away(folder)
            return
        kept = set(store.documents.ids(owner))
        for each in _folders(folder):
            try:
                manifest = read_manifest(each)
                if manifest is None:
                    _throw_away(each)
                    continue
                vocabulary = Vocabulary(manifest.vocabulary)
                with Index(each, vocabulary, cipher=store.derived.cipher, lock=lock) as index:
                    index.remove(index.documents - kept)
            except StoreError:  # damaged, or no room to write it anew: it can be made again
                _throw_away(each)


def _opened(folder: Path, vocabulary: Vocabulary, store: Store, lock: FolderLock) -> Index:
    """The index in a folder, empty if what was there cannot be used. Holding the lock."""
    cipher = store.derived.cipher
    _sweep(folder.parent)
    try:
        index = Index(folder, vocabulary, cipher=cipher, lock=lock)
        if index.manifest is None or index.manifest.store in ("", store.derived.identity):
            return index
        index.close()
    except StoreError:
        pass
    _throw_away(folder)
    return Index(folder, vocabulary, cipher=cipher, lock=lock)


def _batch(
    store: Store, owner: Owner, tokenizer: Tokenizer, missing: set[int]
) -> tuple[list[Row], bool]:
    """Documents that are missing, as many as are added at once, and whether these are all."""
    rows: list[Row] = []
    n_tokens = 0
    if missing:
        passages = store.documents.passages(owner, since=min(missing) - 1)
        for document, of_it in groupby(passages, key=lambda passage: passage.document):
            if document not in missing:
                continue
            if n_tokens >= BATCH_TOKENS:
                return rows, False
            rows.append(Row(document, tokens_of((each.text for each in of_it), tokenizer)))
            n_tokens += len(rows[-1].tokens)
    without_text = missing - {row.document for row in rows}
    return [*rows, *(Row(document, []) for document in sorted(without_text))], True


def tokens_of(texts: Iterable[str], tokenizer: Tokenizer) -> Native:
    """The canonical tokens of pieces of one text, put together."""
    ids = array("I")
    data = tokenizer.text_prefix
    for text in texts:
        data += text.encode()
        if len(data) > _PIECE_BYTES and (cut := tokenizer.split_point(data)):
            ids.extend(tokenizer.encode(data[:cut]))
            data = data[cut:]
    ids.extend(tokenizer.encode(data))
    return np.array(ids, np.uint32)


def _folders(folder: Path) -> Iterator[Path]:
    """What is in a folder and is one, in order, but for what is being thrown away."""
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            if path.is_dir() and not path.name.startswith(_GONE):
                yield path


def _throw_away(folder: Path) -> None:
    """Delete a folder with all that is in it, so that nobody meets half of it."""
    gone = folder.with_name(_GONE + secrets.token_hex(8))
    try:
        folder.rename(gone)
        synced(gone.parent)
    except FileNotFoundError:
        return
    except OSError as error:
        raise not_written(folder, error) from error
    _sweep(gone.parent)


def _sweep(folder: Path) -> None:
    """Finish the throwing away that was begun in a folder."""
    try:
        left = [path for path in folder.iterdir() if path.name.startswith(_GONE)]
    except FileNotFoundError:
        return
    for path in left:
        for _ in range(_TRIES):  # another process may be at the same
            shutil.rmtree(path, ignore_errors=True)
            if not path.exists():
                break
        else:
            raise StoreError(f"cannot delete {str(path)!r}; are its files writable?")
    if left:
        try:
            synced(folder)
        except OSError as error:
            raise not_written(folder, error) from error
