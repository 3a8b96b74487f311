/** Files that a node has put into ComfyUI's temp folder, and pictures on a canvas. */

import { api } from '../../../scripts/api.js'

/** The file was there once: ComfyUI clears its temp folder when it starts. */
export class Gone extends Error {}

/** file: {filename, subfolder, type} as a node's outputs name it. */
export async function fetchFile(file) {
  const answer = await api.fetchApi(`/view?${new URLSearchParams(file)}`)
  if (!answer.ok) throw new Gone(file.filename)
  return answer
}

export async function fetchPicture(file) {
  return createImageBitmap(await (await fetchFile(file)).blob())
}

/** A line of text in the lower left corner. */
export function drawCaption(context, view, text) {
  context.font = '11px sans-serif'
  const top = view.size[1] - 24
  context.fillStyle = 'rgb(0 0 0 / 70%)'
  context.fillRect(6, top, context.measureText(text).width + 12, 18)
  context.fillStyle = '#eee'
  context.fillText(text, 12, top + 13)
}

/** The picture as the view shows it, between two shares of the canvas's width. */
export function drawPicture(context, view, picture, { from = 0, to = 1, alpha = 1 } = {}) {
  const [width, height] = view.size
  context.save()
  if (from > 0 || to < 1) {
    context.beginPath()
    context.rect(from * width, 0, (to - from) * width, height)
    context.clip()
  }
  context.globalAlpha = alpha
  context.imageSmoothingEnabled = view.extent[0] < 4 * picture.width // single pixels are wanted when looking closely
  context.drawImage(picture, ...view.box)
  context.restore()
}
