"""RDVFI for ComfyUI: frames between frames. ComfyUI reads the two names below; everything else loads when it asks."""

WEB_DIRECTORY = "./js"


async def comfy_entrypoint():
    from .nodes import RDVFIExtension

    return RDVFIExtension()
