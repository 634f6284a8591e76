"""Keeping folders learnt: whenever something in them has changed, they are learnt again.

Learning again costs a look at every file's size and time and reads only what is new, so a change
is taken as no more than a sign that there is something to do: nothing is missed if changes come
while it learns, and rules and removals need no code of their own. Changes that come close together
are one: watchfiles gathers them, through the system's own notices, and looks every second whether
there are any. In between everything sleeps.

Watching begins after the first round, so what changed during that is not told. The first batch,
which comes after some seconds even if nothing has changed, is therefore a round whatever it says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tecla.errors import OptionError, StoreBusyError
from tecla.learning.learner import Advance, Learner
from tecla.learning.rules import NAMES
from tecla.learning.summary import Summary
from tecla.learning.walking import roots_of

if TYPE_CHECKING:
    from watchfiles.main import FileChange

Batch = Iterable[Path]
_STEP_MS: Final = 1000  # between two looks at what the system has told; how long Ctrl-C may take
_FIRST_MS: Final = 2000  # until the first batch


def keep_learnt(
    learner: Learner,
    paths: Sequence[Path],
    changes: Iterable[Batch],
    told: Callable[[Summary], None],
    advance: Advance | None = None,
) -> None:
    """Learn `paths`, and again with each batch of changes that concerns them, until there is none.

    `told` is given the summary of each round. A path that is gone is passed over until it is there
    again, and what was learnt of it is kept. Raises `OptionError` for what is not there at first.
    """
    roots = roots_of(paths)
    told(learner.learn(roots, advance))
    for batch in changes:
        if not any(_concerns(path, root) for path in batch for root in roots):
            continue
        there = [root for root in roots if root.exists()]
        if not there:
            continue
        try:
            told(learner.learn(there, advance))
        except StoreBusyError:  # whoever holds it lets go; the next change brings all of it
            continue


def changes_in(paths: Sequence[Path], *, stop: object = None) -> Iterator[set[Path]]:
    """What changes in files and folders, as the system tells it, until Ctrl-C or `stop` is set.

    It is watched from when the first batch is asked for, which is the paths themselves: anything in
    them may have changed before. `stop` is a `threading.Event`. Raises `OptionError` where
    watchfiles is not installed, or a path is not there.
    """
    try:
        from watchfiles import watch
    except ImportError as error:
        raise OptionError(
            "--watch needs watchfiles, which is not installed: run `pip install 'tecla[learn]'`"
        ) from error
    roots = roots_of(paths)
    # A file that is written anew is another file: its folder tells when.
    folders = dict.fromkeys(root if root.is_dir() else root.parent for root in roots)
    batches = watch(
        *folders,
        stop_event=stop,  # type: ignore[arg-type]  # anything with `is_set`
        recursive=any(root.is_dir() for root in roots),
        watch_filter=None,
        step=_STEP_MS,
        rust_timeout=_FIRST_MS,
        yield_on_timeout=True,
    )
    return _told(roots, batches)


def _told(roots: Sequence[Path], batches: Iterable[set[FileChange]]) -> Iterator[set[Path]]:
    is_first = True
    try:
        for batch in batches:
            if is_first:
                yield set(roots)
            elif batch:
                yield {Path(path) for _, path in batch}
            is_first = False
    except KeyboardInterrupt:
        return


def _concerns(path: Path, root: Path) -> bool:
    """Whether a change at `path` may change what is learnt of `root`."""
    if path == root:
        return True
    if root not in path.parents:
        return False
    hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
    return not hidden or path.name in NAMES
