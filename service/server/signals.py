"""Signals: held while the process starts, received by the supervisor."""

import os
import select
import signal
import socket
from types import FrameType

STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}
HELD_SIGNALS = STOP_SIGNALS | {signal.SIGHUP}


def hold_signals() -> None:
    """Keep signals pending until ``release_signals``.

    They would end the process while it starts, with an exit code other than 0; process
    1 of a container would lose them.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, HELD_SIGNALS)


def release_signals() -> None:
    """Deliver pending signals and those to come: their handlers are installed."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_SIGNALS)


class SignalReceiver:
    """Signals of a process that does nothing but wait for them.

    Signals are delivered only while ``wait`` waits, so that a process that is forked
    in between inherits them held. Any number of one signal counts as one.
    """

    SIGNALS = HELD_SIGNALS | {signal.SIGCHLD}

    def __init__(self) -> None:
        """Install the handlers. Call it once, in the main thread."""
        signal.pthread_sigmask(signal.SIG_BLOCK, self.SIGNALS)
        self._read_end, self._write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        os.set_blocking(self._write_end, False)
        for number in self.SIGNALS:
            signal.signal(number, ignore)
        # Python writes the number of each signal to it, before the handler runs.
        signal.set_wakeup_fd(self._write_end, warn_on_full_buffer=False)

    def wait(self, seconds: float, inbox: socket.socket | None = None) -> set[int]:
        """Return the signals that arrived, as soon as there are any, or none in time.

        inbox: return also when it is readable.
        """
        timeout = max(0.0, seconds)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self.SIGNALS)
        descriptors = [self._read_end]
        if inbox:
            descriptors.append(inbox.fileno())
        readable, _, _ = select.select(descriptors, [], [], timeout)
        signal.pthread_sigmask(signal.SIG_BLOCK, self.SIGNALS)
        if self._read_end not in readable:
            return set()
        return set(os.read(self._read_end, 4096))

    def close(self) -> None:
        """Leave the signals to the handlers that a forked process installs."""
        signal.set_wakeup_fd(-1)
        os.close(self._read_end)
        os.close(self._write_end)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})


def ignore(number: int, frame: FrameType | None) -> None:
    """Handle a signal that the wake-up descriptor reports."""
