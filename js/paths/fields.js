/** What is known of every path, as a picture at tau: each path colours the place where it is by then. */

import { flowColour } from '../canvas/colours.js'

const ALPHA = 200 // of 255
const SEEN = [40, 190, 170]
const HIDDEN = [255, 110, 40]
const VELOCITY_STEP = 1 / 128
const WORST_PX = 4 // of the motion grid: from here on an error is as red as can be
const REACH = 0.45 // of a pixel: paths paint beyond their own pixel, so that ground which grows has no cracks

const ERRORS = Array.from({ length: 64 }, (_, i) => {
  const share = i / 63 // from green over yellow to red
  return [255 * Math.min(1, 2 * share), 255 * Math.min(1, 2 - 2 * share) * (0.35 + 0.65 * share), 90 * (1 - share)]
})

/** kind -> for the paths at tau: a function of a path's number that gives [r, g, b]. */
const COLOURS = {
  flow(paths, tau, all) {
    const [from, to] = [Math.max(tau - VELOCITY_STEP, 0), Math.min(tau + VELOCITY_STEP, 1)]
    const [before, motion] = [from, to].map((t) => paths.placesAt(t, all))
    const [width, height] = paths.grid
    const lengths = new Float32Array(all.length)
    for (let path = 0; path < all.length; path += 1) {
      const x = (motion[2 * path] - before[2 * path]) * width
      const y = (motion[2 * path + 1] - before[2 * path + 1]) * height
      lengths[path] = Math.sqrt(x * x + y * y)
      motion[2 * path] = x
      motion[2 * path + 1] = y
    }
    const largest = Math.max(nearlyLargest(lengths), 1e-6)
    const colour = [0, 0, 0]
    return (path) => flowColour(motion[2 * path], motion[2 * path + 1], largest, colour)
  },
  visibility(paths, tau) {
    const seen = paths.seenAt(tau)
    return (path) => (seen(path) ? SEEN : HIDDEN)
  },
  error(paths) {
    return (path) => ERRORS[Math.floor(Math.min(paths.roundTrip[path] / WORST_PX, 1) * (ERRORS.length - 1))]
  },
}

export class Field {
  #kept = [] // kind, tau, paths of the picture
  #canvas = document.createElement('canvas')

  /** A canvas of one pixel for each path, to be drawn over the whole picture. */
  picture(kind, paths, tau) {
    const wanted = [kind, tau, paths]
    if (wanted.every((value, i) => value === this.#kept[i])) return this.#canvas
    this.#kept = wanted
    const { columns, rows, count } = paths
    Object.assign(this.#canvas, { width: columns, height: rows })
    const context = this.#canvas.getContext('2d')
    const image = context.createImageData(columns, rows)
    const all = Uint32Array.from({ length: count }, (_, i) => i)
    const places = paths.placesAt(tau, all)
    const colour = COLOURS[kind](paths, tau, all)
    const seen = paths.seenAt(tau)
    for (const front of [0, 1])
      for (let path = 0; path < count; path += 1)
        if (seen(path) === front) paint(image, places[2 * path] * columns, places[2 * path + 1] * rows, colour(path))
    context.putImageData(image, 0, 0)
    return this.#canvas
  }
}

function paint({ data, width, height }, x, y, colour) {
  const left = Math.max(Math.floor(x - REACH), 0)
  const right = Math.min(Math.floor(x + REACH), width - 1)
  const top = Math.max(Math.floor(y - REACH), 0)
  const bottom = Math.min(Math.floor(y + REACH), height - 1)
  for (let row = top; row <= bottom; row += 1)
    for (let column = left; column <= right; column += 1) {
      const at = 4 * (row * width + column)
      data[at] = colour[0]
      data[at + 1] = colour[1]
      data[at + 2] = colour[2]
      data[at + 3] = ALPHA
    }
}

/** The 98th of a hundred: a few wild paths do not make all others pale. */
function nearlyLargest(values) {
  return values.sort()[Math.floor(0.98 * (values.length - 1))]
}
