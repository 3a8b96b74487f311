/** What is known of every path, as a picture at tau: each path colours the place where it is by then. */

import { flowColour } from '../canvas/colours.js'

const ALPHA = 200 // of 255
const SEEN = [40, 190, 170]
const HIDDEN = [255, 110, 40]
const STEP = 1 / 128
const WORST_PX = 4 // of the motion grid: from here on an error is as red as can be

/** kind -> for the paths at tau: a function of a path's number that gives [r, g, b]. */
const COLOURS = {
  flow(paths, tau, all) {
    const [from, to] = [Math.max(tau - STEP, 0), Math.min(tau + STEP, 1)]
    const [before, after] = [from, to].map((t) => paths.placesAt(t, all))
    const motion = all.map((path) => [0, 1].map((i) => (after[2 * path + i] - before[2 * path + i]) * paths.grid[i]))
    const largest = Math.max(nearlyLargest(motion.map(([x, y]) => Math.hypot(x, y))), 1e-6)
    return (path) => flowColour(...motion[path], largest)
  },
  visibility(paths, tau) {
    const seen = paths.seenAt(tau)
    return (path) => (seen(path) ? SEEN : HIDDEN)
  },
  error(paths) {
    return (path) => {
      const share = Math.min(paths.roundTrip[path] / WORST_PX, 1)
      return [255 * Math.min(1, 2 * share), 255 * Math.min(1, 2 - 2 * share) * (0.35 + 0.65 * share), 90 * (1 - share)]
    }
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
    const colour = COLOURS[kind](paths, tau, Array.from(all))
    const seen = paths.seenAt(tau)
    for (const front of [0, 1])
      for (let path = 0; path < count; path += 1)
        if (seen(path) === front) paint(image, places[2 * path] * columns, places[2 * path + 1] * rows, colour(path))
    context.putImageData(image, 0, 0)
    return this.#canvas
  }
}

/** A square of one pixel, rounded outwards, so that ground which grows has no cracks. */
function paint({ data, width, height }, x, y, [r, g, b]) {
  const [left, top] = [Math.floor(x - 0.45), Math.floor(y - 0.45)]
  const [right, bottom] = [Math.floor(x + 0.45), Math.floor(y + 0.45)]
  for (let row = Math.max(top, 0); row <= Math.min(bottom, height - 1); row += 1)
    for (let column = Math.max(left, 0); column <= Math.min(right, width - 1); column += 1) {
      const at = 4 * (row * width + column)
      data[at] = r
      data[at + 1] = g
      data[at + 2] = b
      data[at + 3] = ALPHA
    }
}

/** The 98th of a hundred: a few wild paths do not make all others pale. */
function nearlyLargest(values) {
  return Float32Array.from(values).sort()[Math.floor(0.98 * (values.length - 1))]
}
