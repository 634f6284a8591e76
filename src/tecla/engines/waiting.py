"""How the threads of an OpenMP library wait for one another; set before the library is loaded.

llama.cpp's threads meet at a barrier some hundreds of times a token, and PyTorch's at the end of
every operation. GNU OpenMP lets a waiting thread spin for milliseconds before it sleeps, which is
best on an idle machine and ruinous on a busy one: with two other busy processes on two cores a
token of llama.cpp took 150 to 460 ms. A thousand rounds of spinning cost nothing measurable when
idle (10.0 to 12.5 ms a token against 9.8 to 11.8) and two to four times less when busy (79 to
98 ms); sleeping at once costs three times as much when idle. A user's own OMP_WAIT_POLICY or
GOMP_SPINCOUNT is left alone.
"""

from __future__ import annotations

import os


def spin_briefly() -> None:
    """Set how long threads spin, in the environment that an OpenMP library reads when loaded."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
