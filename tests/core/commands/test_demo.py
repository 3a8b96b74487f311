import av
import torch
from command_line import files, pixels

from rdvfi_core.__main__ import main
from rdvfi_core.commands.demo import HEIGHT, WIDTH
from rdvfi_core.scenes.sample import sample_scene


def test_the_demo_makes_a_video_and_a_sheet(pair):
    assert main(["demo", "-o", "show.mp4"]) == 0
    assert files() == ["a.png", "b.png", "show.mp4", "show_sheet.png"]
    with av.open("show.mp4") as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.average_rate) == (WIDTH, HEIGHT, 24)
        assert sum(1 for _ in container.decode(stream)) == 25
    assert pixels("show_sheet.png").std() > 20


def test_the_sample_scene_is_the_same_every_time_and_its_paths_are_curved():
    scene = sample_scene(90, 160)
    assert torch.equal(scene.render(0.3).image, sample_scene(90, 160).render(0.3).image)
    (_, start), (_, middle), (_, end) = (scene.pose(tau) for tau in (0.0, 0.5, 1.0))
    bend = (middle - (start + end) / 2).norm(dim=-1)[0]  # of background, bar, disc, card
    assert bend[2] > 0.015 * (90 * 160) ** 0.5 > bend[3]
