"""One thread, as in the rendering processes: another number of threads sums in another order, in the last bits. And no
test may hold up all others for ever: a page that hangs answers nothing, and waits for it have no end of their own."""

import signal

import pytest
import torch

LONGEST = {"browser": 200}  # seconds of one test of these folders, on a slow machine


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

    longest = LONGEST.get(request.path.parent.name, 600)

    def give_up(number, frame):
        raise TimeoutError(f"{request.node.nodeid} takes longer than {longest} s.")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(longest)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
