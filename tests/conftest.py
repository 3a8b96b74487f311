"""One thread, as in the rendering processes: another number of threads sums in another order, in the last bits. And no
test may hold up all others for ever: a page that hangs answers nothing, and waits for it have no end of their own."""

import signal

import pytest
import torch

LONGEST = 900  # seconds of one test on a slow machine


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def ends(request):
    if not hasattr(signal, "SIGALRM"):  # Windows
        yield
        return

    def give_up(number, frame):
        raise TimeoutError(f"{request.node.nodeid} takes longer than {LONGEST} s.")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(LONGEST)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
